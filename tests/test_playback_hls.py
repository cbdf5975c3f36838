"""HLS sessions, with ffmpeg and ffprobe as players and boto3 as the caller."""

import time

import pytest

import media
import playback
import producer
import streams
from waiting import eventually

SECONDS = 6


@pytest.fixture(scope="module")
def av():
    return producer.media(media.h264_aac_mp4(SECONDS))


@pytest.fixture(scope="module")
def stored(site, av):
    """A stream that holds the media once, an hour old by the producer's clock; returns its name and start.

    It starts at half a second, which older boto3 cannot ask for.
    """
    start_ms = round(time.time()) * 1000 + 500 - playback.HOUR_MS
    streams.create_stream(site.server, "stored")
    producer.put_file(site.server, "stored", av, start_ms)
    return "stored", start_ms


def test_on_demand_playback_gives_every_stored_frame(site, stored, av):
    stream, start_ms = stored
    url = playback.hls_url(site.server, stream, **playback.on_demand(start_ms, start_ms + av.duration_ms))
    assert "/hls/v1/getHLSMasterPlaylist.m3u8?SessionToken=" in url and url.endswith("~")
    source = media.h264_aac_mp4(SECONDS)
    assert playback.frame_hashes(url) == playback.frame_hashes(source)
    assert playback.packet_hashes(url, "a:0") == playback.packet_hashes(source, "a:0")
    probed = playback.probe(url)["streams"]
    kinds = {(of["codec_type"], of["codec_name"]) for of in probed}
    assert kinds == {("video", "h264"), ("audio", "aac")}


def test_a_live_session_lists_fragments_as_they_are_persisted(site, av):
    streams.create_stream(site.server, "live")
    start_ms = round(time.time() * 1000)
    with producer.connect(site.server, "live") as upload:
        upload.send(av.header())
        for one in av.fragments[:3]:
            upload.send(av.cluster(start_ms, one))
        upload.wait_for("PERSISTED", 2)
        url = playback.hls_url(site.server, "live")
        playlist_url = playback.media_playlist_url(url)
        before = playback.numbers(playback.lines(playlist_url))
        assert sorted(before.values()) == [1, 2]
        upload.send(av.cluster(start_ms, av.fragments[3]))
        upload.wait_for("PERSISTED", 3)
        after = playback.numbers(playback.lines(playlist_url))
        assert len(after) == 3 and before.items() <= after.items()
        upload.finish()
    lines = eventually(
        lambda: found if len(playback.numbers(found := playback.lines(playlist_url))) == 4 else None, 10, "4 fragments"
    )
    assert "#EXT-X-ENDLIST" not in lines


def put(site, stream, source):
    """Stores media in a new stream; returns options of a session of it."""
    start_ms = round(time.time() * 1000) - playback.HOUR_MS
    streams.create_stream(site.server, stream)
    producer.put_file(site.server, stream, source, start_ms)
    return playback.on_demand(start_ms, start_ms + source.duration_ms)


@pytest.mark.parametrize("container", ["FRAGMENTED_MP4", "MPEG_TS"])
def test_b_frames_come_in_order_and_none_is_lost(site, container):
    path = media.h264_b_frames_aac_mp4(SECONDS)
    stream = f"b-frames-{container}"
    url = playback.hls_url(site.server, stream, **put(site, stream, producer.media(path)), ContainerFormat=container)
    assert playback.frame_hashes(url) == playback.frame_hashes(path)


def test_transport_streams_carry_every_track(site, stored, av):
    stream, start_ms = stored
    options = playback.on_demand(start_ms, start_ms + av.duration_ms, ContainerFormat="MPEG_TS")
    url = playback.hls_url(site.server, stream, **options)
    source = media.h264_aac_mp4(SECONDS)
    assert playback.frame_hashes(url) == playback.frame_hashes(source)
    assert playback.frame_hashes(url, "a:0") == playback.frame_hashes(source_of_sound(av), "a:0")
    lines = playback.lines(playback.media_playlist_url(url))
    assert "getTSFragment.ts" in lines[-2] and not any("EXT-X-MAP" in line for line in lines)


def source_of_sound(av):
    """The AAC frames that were sent, as an ADTS file has them: decoded without MP4's edit list."""
    path = media.FOLDER / "sent.mkv"
    path.write_bytes(av.document(0))
    return path


def test_h265_is_played_as_fragmented_mp4(site):
    path = media.h265_aac_mkv(SECONDS)
    url = playback.hls_url(site.server, "h265", **put(site, "h265", producer.media(path)))
    found = {of["codec_type"]: of for of in playback.probe(url)["streams"]}
    assert found["video"]["codec_name"] == "hevc" and found["video"]["codec_tag_string"] == "hvc1"
    assert playback.frame_hashes(url) == playback.frame_hashes(path)
    assert 'CODECS="hvc1.' in playback.fetch(url).text


@pytest.mark.parametrize("container", ["FRAGMENTED_MP4", "MPEG_TS"])
def test_sound_alone_is_played(site, container):
    path = media.aac_mp4(SECONDS)
    stream = f"sound-{container}"
    source = producer.media(path)
    url = playback.hls_url(site.server, stream, **put(site, stream, source), ContainerFormat=container)
    (only,) = playback.probe(url)["streams"]
    assert only["codec_name"] == "aac"
    sent = sum(len(one.frames) for one in source.fragments)
    assert len(playback.packet_hashes(url, "a:0")) == sent


def test_a_replay_is_played_from_its_start(site, stored, av):
    stream, start_ms = stored
    url = playback.hls_url(
        site.server,
        stream,
        PlaybackMode="LIVE_REPLAY",
        selector="PRODUCER_TIMESTAMP",
        start_ms=start_ms + 500,
        MaxMediaPlaylistFragmentResults=3,
    )
    playlist_url = playback.media_playlist_url(url)
    first = playback.lines(playlist_url)
    listed = streams.list_fragments(site.server, stream)
    expected = [one["FragmentNumber"] for one in listed]
    assert list(playback.numbers(first)) == expected[1:4], "a fragment that straddles the start is left out"
    eventually(lambda: list(playback.numbers(playback.lines(playlist_url)))[-1] == expected[-1], 20, "its end")


def test_gaps_and_other_codec_parameters_are_marked_in_the_playlist(site, av):
    other = producer.media(media.h264_other_aac_mp4())
    start_ms = round(time.time() * 1000) - playback.HOUR_MS
    streams.create_stream(site.server, "seams")
    at_ms = start_ms
    for source, gap_ms in ((av, 30_000), (av, 0), (other, 0), (av, 0)):
        producer.put_file(site.server, "seams", source, at_ms)
        at_ms += source.duration_ms + gap_ms
    options = playback.on_demand(start_ms, at_ms, DisplayFragmentTimestamp="ALWAYS")
    seen = {}
    for mode in ("ON_DISCONTINUITY", "NEVER", "ALWAYS"):
        url = playback.hls_url(site.server, "seams", **dict(options), DiscontinuityMode=mode)
        lines = playback.lines(playback.media_playlist_url(url))
        count = len(playback.numbers(lines))
        seen[mode] = lines.count("#EXT-X-DISCONTINUITY")
        maps = [line.rsplit("SequenceNumber=", 1)[1] for line in lines if line.startswith("#EXT-X-MAP")]
        assert len(maps) == 3 and maps[0] == maps[2] != maps[1]
        stamps = [line for line in lines if line.startswith("#EXT-X-PROGRAM-DATE-TIME")]
        assert len(stamps) == count == 3 * len(av.fragments) + len(other.fragments)
        longest = max(float(line[8:-1]) for line in lines if line.startswith("#EXTINF"))
        assert int(playback.value(lines, "EXT-X-TARGETDURATION")) >= round(longest)
    assert seen == {"ON_DISCONTINUITY": 3, "NEVER": 0, "ALWAYS": count - 1}


def test_fragments_of_another_video_codec_than_the_first_are_left_out_and_those_without_its_sound_are_not(site, av):
    silent, other = producer.media(media.h264_mp4(SECONDS)), producer.media(media.h265_aac_mkv(SECONDS))
    start_ms = round(time.time() * 1000) - playback.HOUR_MS
    streams.create_stream(site.server, "mixed")
    for turn, source in enumerate((av, silent, other, av)):
        producer.put_file(site.server, "mixed", source, start_ms + turn * 10_000)
    url = playback.hls_url(site.server, "mixed", **playback.on_demand(start_ms, start_ms + 40_000))
    lines = playback.lines(playback.media_playlist_url(url))
    shown = 2 * len(av.fragments) + len(silent.fragments)
    assert list(playback.numbers(lines).values()) == list(range(1, shown + 1))
