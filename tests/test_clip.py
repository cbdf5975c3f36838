"""GetClip: MP4 files of stored fragments, read by ffmpeg, asked for by boto3 and by the AWS CLI."""

import datetime
import itertools
import subprocess

import botocore.exceptions
import pytest

import media
import processes
import put_media
from damaged import another_codec, broken_codec_private, broken_frames, without_codec_private
from streams import create_stream, data_client, list_fragments, refused
from waiting import eventually

# When the media of a test begins by the producer's clock: long ago, so that ranges are free of the present.
START = 1_795_000_000
COUNT = itertools.count()


@pytest.fixture
def stream(site):
    name = f"clip-{next(COUNT)}"
    create_stream(site.server, name)
    return name


def get_clip(server, stream, start, end, selector_type="PRODUCER_TIMESTAMP"):
    client = data_client(server, "kinesis-video-archived-media", stream, "GET_CLIP")
    timestamps = {"StartTimestamp": start, "EndTimestamp": end}
    selector = {"FragmentSelectorType": selector_type, "TimestampRange": timestamps}
    answer = client.get_clip(StreamName=stream, ClipFragmentSelector=selector)
    assert answer["ContentType"] == "video/mp4"
    clip = answer["Payload"].read()
    assert len(clip) == int(answer["ResponseMetadata"]["HTTPHeaders"]["content-length"])
    return clip


def frame_hashes(path, kind, *arguments):
    """The hashes of the coded frames (`-c copy`) or the decoded ones of a file's first stream of this kind."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", path, "-map", f"0:{kind}:0", *arguments, "-f", "framemd5", "-"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.splitlines()
    # Behind the hash there may be those of side data.
    return [line.split(",")[5].strip() for line in lines if not line.startswith("#")]


MEDIA = {
    "h264": media.h264_mkv,
    "h264-aac": media.h264_aac_mkv,
    "h264-b-frames-aac": media.h264_b_frames_aac_mkv,
    "h264-alaw": media.h264_alaw_mkv,
    "h264-opus": media.h264_opus_mkv,
    "h265-aac": media.h265_aac_mkv,
    "h265-mulaw": media.h265_mulaw_mkv,
}


@pytest.mark.parametrize("name", MEDIA)
def test_a_clip_holds_the_frames_that_were_stored(site, stream, tmp_path, name):
    source = MEDIA[name](6)
    put_media.put(site.server, stream, put_media.recorded(source, START))
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(get_clip(site.server, stream, START, START + 60))
    for kind in "v" if name == "h264" else "va":
        stored = frame_hashes(source, kind, "-c", "copy")
        assert len(stored) >= 40
        assert frame_hashes(clip, kind, "-c", "copy") == stored, kind
        # Decoding needs the parameter sets and the order to be right as well.
        # (A clip begins anywhere: nothing of its Opus is dropped, as it is at the beginning of what an encoder made.)
        if (name, kind) != ("h264-opus", "a"):
            assert frame_hashes(clip, kind) == frame_hashes(source, kind), kind
    ours, theirs = media.packets(clip, "v"), media.packets(source, "v")
    shift = ours[0][0] - theirs[0][0]
    assert [(pts - shift, key) for pts, _, key in ours] == [(pts, key) for pts, _, key in theirs]
    decode_times = [dts for _, dts, _ in ours]
    assert all(before < after for before, after in itertools.pairwise(decode_times))
    assert all(dts <= pts for pts, dts, _ in ours)


def test_sound_alone_is_a_clip(site, stream, tmp_path):
    capture = put_media.capture("sdkc_audio")
    put_media.put(site.server, stream, capture)
    start = min(capture.producer_starts_ms()) / 1000
    path = tmp_path / "clip.mp4"
    path.write_bytes(get_clip(site.server, stream, start - 1, start + 60))
    assert frame_hashes(path, "a", "-c", "copy") == frame_hashes(put_media.FIXTURES / "sdkc_audio.mkv", "a", "-c", "copy")


def test_the_index_comes_first_and_says_when_the_clip_begins(site, stream, tmp_path):
    put_media.put(site.server, stream, put_media.recorded(media.h264_mkv(6), START))
    clip = get_clip(site.server, stream, START, START + 60)
    kinds, at = [], 0
    while at < len(clip):
        kinds.append(clip[at + 4 : at + 8])
        at += int.from_bytes(clip[at : at + 4])
    assert (kinds, at) == ([b"ftyp", b"moov", b"mdat"], len(clip))
    path = tmp_path / "clip.mp4"
    path.write_bytes(clip)
    command = ["ffprobe", "-v", "error", "-show_entries", "format_tags=creation_time:format=duration", "-of", "csv=p=0"]
    said = subprocess.run([*command, path], check=True, capture_output=True, text=True).stdout
    begin = datetime.datetime.fromtimestamp(START, datetime.UTC)
    assert said.strip() == f"6.000000,{begin:%Y-%m-%dT%H:%M:%S}.000000Z"


@pytest.mark.parametrize("selector_type", ["PRODUCER_TIMESTAMP", "SERVER_TIMESTAMP"])
def test_fragments_that_start_within_the_range_are_in_the_clip_whole(site, stream, tmp_path, selector_type):
    put_media.put(site.server, stream, put_media.recorded(media.h264_mkv(6), START))
    if selector_type == "PRODUCER_TIMESTAMP":
        ranges = [(0, 60, 6), (0, 2, 3), (0.001, 2, 2), (1, 1.999, 1), (4.5, 60, 1)]
        ranges = [(START + start, START + end, count) for start, end, count in ranges]
    else:
        listed = list_fragments(site.server, stream, selector_type)
        times = sorted(fragment["ServerTimestamp"].timestamp() for fragment in listed)
        # Not before the stream's head, which is its creation.
        begin = times[0] - 0.002
        ranges = [(begin, times[-1], 6), (begin, times[0] - 0.001, 0)]
    for start, end, count in ranges:
        if not count:
            with refused("ResourceNotFoundException", 404):
                get_clip(site.server, stream, start, end, selector_type)
            continue
        path = tmp_path / f"{start}-{end}.mp4"
        path.write_bytes(get_clip(site.server, stream, start, end, selector_type))
        assert len(media.packets(path, "v")) == 25 * count


def test_a_gap_and_media_that_was_ingested_twice(site, stream, tmp_path):
    source = media.h264_mkv(6)
    for start in (START, START, START + 20):
        put_media.put(site.server, stream, put_media.recorded(source, start))
    assert len(list_fragments(site.server, stream)) == 18
    path = tmp_path / "clip.mp4"
    path.write_bytes(get_clip(site.server, stream, START, START + 60))
    times = [pts for pts, _, _ in media.packets(path, "v")]
    assert times == [40 * number for number in range(150)] + [20_000 + 40 * number for number in range(150)]
    assert frame_hashes(path, "v", "-c", "copy") == 2 * frame_hashes(source, "v", "-c", "copy")


@pytest.mark.parametrize(
    ("start", "end", "selector_type"),
    [
        (START, START, "PRODUCER_TIMESTAMP"),
        (START, START - 1, "PRODUCER_TIMESTAMP"),
        (START, START + 86_401, "PRODUCER_TIMESTAMP"),
        (4_000_000_000, 4_000_000_060, "SERVER_TIMESTAMP"),
        (START, START + 60, "SERVER_TIMESTAMP"),
    ],
)
def test_a_range_that_breaks_a_rule_is_refused(site, stream, start, end, selector_type):
    with refused("InvalidArgumentException", 400):
        get_clip(site.server, stream, start, end, selector_type)


def test_what_is_not_there_is_not_found(site, stream):
    with refused("ResourceNotFoundException", 404) as caught:
        get_clip(site.server, stream, START, START + 60)
    assert "no fragment" in str(caught.value)
    client = site.server.client("kinesis-video-archived-media")
    selector = {
        "FragmentSelectorType": "PRODUCER_TIMESTAMP",
        "TimestampRange": {"StartTimestamp": START, "EndTimestamp": START + 60},
    }
    with refused("ResourceNotFoundException", 404) as caught:
        client.get_clip(StreamName="nobody", ClipFragmentSelector=selector)
    assert "stream" in str(caught.value)


def test_a_stream_without_retention_has_no_clips(site):
    name = f"clip-{next(COUNT)}"
    create_stream(site.server, name, 0)
    with refused("NoDataRetentionException", 400):
        get_clip(site.server, name, START, START + 60)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (without_codec_private, "MissingCodecPrivateDataException"),
        (broken_codec_private, "InvalidCodecPrivateDataException"),
        (another_codec, "UnsupportedStreamMediaTypeException"),
        (broken_frames, "InvalidMediaFrameException"),
    ],
)
def test_media_that_cannot_be_a_clip_is_refused_by_its_reason(site, stream, change, error):
    put_media.put(site.server, stream, put_media.recorded(media.h264_mkv(6), START, change))
    with refused(error, 400):
        get_clip(site.server, stream, START, START + 60)


@pytest.mark.parametrize(
    ("second", "error"),
    [
        (media.h264_b_frames_aac_mkv, "UnsupportedStreamMediaTypeException"),
        (media.h265_aac_mkv, "UnsupportedStreamMediaTypeException"),
        (media.small_h264_mkv, "InvalidCodecPrivateDataException"),
    ],
)
def test_tracks_and_codec_parameters_that_change_within_the_range_are_refused(site, stream, second, error):
    put_media.put(site.server, stream, put_media.recorded(media.h264_mkv(6), START))
    put_media.put(site.server, stream, put_media.recorded(second(6), START + 10))
    with refused(error, 400):
        get_clip(site.server, stream, START, START + 60)
    # Each part alone is a clip.
    assert get_clip(site.server, stream, START, START + 9)
    assert get_clip(site.server, stream, START + 9, START + 60)


def test_more_than_the_limits_is_refused_and_the_limits_are_settings(own_site):
    server = own_site.server
    server.process.stop()
    processes.Daemon.start(server, ["server", "--clip-fragments-max", "3", "--clip-mb-max", "1"])
    create_stream(server, "clip")
    put_media.put(server, "clip", put_media.recorded(media.h264_mkv(6), START))
    put_media.put(server, "clip", put_media.recorded(media.heavy_h264_mkv(3), START + 20))
    assert get_clip(server, "clip", START, START + 2)
    with refused("ClientLimitExceededException", 400) as caught:
        get_clip(server, "clip", START, START + 3)
    assert "3 fragments" in str(caught.value)
    with refused("ClientLimitExceededException", 400) as caught:
        get_clip(server, "clip", START + 20, START + 60)
    assert "1 MB" in str(caught.value)


def test_the_aws_cli_downloads_a_clip(site, stream, tmp_path):
    source = media.h264_aac_mkv(6)
    put_media.put(site.server, stream, put_media.recorded(source, START))
    path = tmp_path / "clip.mp4"
    selector = f"FragmentSelectorType=PRODUCER_TIMESTAMP,TimestampRange={{StartTimestamp={START},EndTimestamp={START + 60}}}"
    site.server.aws(
        "kinesis-video-archived-media", "get-clip", "--stream-name", stream, "--clip-fragment-selector", selector, path
    )
    assert frame_hashes(path, "v", "-c", "copy") == frame_hashes(source, "v", "-c", "copy")


def test_a_caller_can_tell_a_clip_that_broke_off(site, stream):
    """Media deleted while it is sent: the answer is shorter than its head says."""
    put_media.put(site.server, stream, put_media.recorded(media.heavy_h264_mkv(5), START))
    client = data_client(site.server, "kinesis-video-archived-media", stream, "GET_CLIP")
    selector = {
        "FragmentSelectorType": "PRODUCER_TIMESTAMP",
        "TimestampRange": {"StartTimestamp": START, "EndTimestamp": START + 60},
    }
    body = client.get_clip(StreamName=stream, ClipFragmentSelector=selector)["Payload"]
    body.read(65536)
    kinesisvideo = site.server.client("kinesisvideo")
    kinesisvideo.delete_stream(StreamARN=kinesisvideo.describe_stream(StreamName=stream)["StreamInfo"]["StreamARN"])
    eventually(lambda: not stored_files(site.server, stream), 20, "the media is erased")
    with pytest.raises((botocore.exceptions.IncompleteReadError, botocore.exceptions.ResponseStreamingError)):
        body.read()


def stored_files(server, stream):
    return [path for path in server.media_files() if stream in str(path)]
