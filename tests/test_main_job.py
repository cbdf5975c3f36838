"""The main job with the unmodified AWS CLI and boto3: configure, record, upload, read back; Vigie's own camera."""

import datetime
import itertools
import json
import re
import subprocess
import time

import pytest

import elementary
import media
from streams import (
    EACH_MINUTE,
    agent_status,
    edge_config,
    end_ms,
    fragment_number,
    get_media,
    list_fragments,
    start_ms,
    wait_for_fragments,
)
from waiting import eventually

STREAM = "gate"
USER, PASSWORD = "viewer", "p@ss/word"
URI_PASSWORD = "p%40ss%2Fword"
FRAME_MS = 1000 / media.FRAMES_PER_SECOND


@pytest.fixture(scope="module")
def job(site):
    """Server, camera and agent, all configured by the AWS CLI; remembers what the CLI saw."""
    aws = site.server.aws
    address = site.vigie_camera(media.h264_aac_mp4(), user=USER, password=PASSWORD)
    created = aws("kinesisvideo", "create-stream", "--stream-name", STREAM, "--data-retention-in-hours", "24")
    secret_value = json.dumps({"MediaURI": f"rtsp://{USER}:{URI_PASSWORD}@{address}/cam0"})
    secret = aws("secretsmanager", "create-secret", "--name", "gate-camera", "--secret-string", secret_value)
    agent = site.agent()
    # Kept after the upload, so that the hub's own copy can be looked at too.
    config = edge_config(agent, secret["ARN"], deletion={"DeleteAfterUpload": False})
    command = ["kinesisvideo", "start-edge-configuration-update", "--stream-name", STREAM]
    site.before_the_hub_came = aws(*command, "--edge-config", json.dumps(config))
    site.stream_arn, site.config, site.hub = created["StreamARN"], config, agent
    agent.start()
    return site


def describe(job):
    return job.server.aws("kinesisvideo", "describe-edge-configuration", "--stream-name", STREAM)


def test_a_started_edge_configuration_is_syncing_until_the_hub_has_it_and_then_in_sync(job):
    assert job.before_the_hub_came["SyncStatus"] == "SYNCING"
    assert job.before_the_hub_came["StreamARN"] == job.stream_arn
    assert job.before_the_hub_came["EdgeConfig"]["HubDeviceArn"] == job.hub.hub_device_arn

    described = eventually(
        lambda: (now := describe(job))["SyncStatus"] == "IN_SYNC" and now, 30, "the edge configuration is IN_SYNC"
    )
    assert described["EdgeConfig"]["RecorderConfig"] == job.config["RecorderConfig"]
    assert described["EdgeConfig"]["UploaderConfig"] == {"ScheduleConfig": EACH_MINUTE}
    assert described["EdgeConfig"]["DeletionConfig"]["DeleteAfterUpload"] is False

    listed = job.server.aws(
        "kinesisvideo", "list-edge-agent-configurations", "--hub-device-arn", job.hub.hub_device_arn
    )
    assert [entry["StreamName"] for entry in listed["EdgeConfigs"]] == [STREAM]


def test_recorder_and_uploader_report_success_with_the_time_of_their_last_media(job):
    before = time.time()

    def succeeded():
        recorder, uploader = agent_status(job.server, STREAM)
        assert (recorder.get("RecorderStatus"), uploader.get("UploaderStatus")) == ("SUCCESS", "SUCCESS")
        for status in (recorder, uploader):
            assert "LastCollectedTime" in status, f"collected nothing yet: {status}"
            assert status["LastCollectedTime"].timestamp() > before, f"collected nothing since the test began: {status}"
            assert status["LastUpdatedTime"].timestamp() <= time.time() + 1
        return True

    eventually(succeeded, 40, "both jobs report SUCCESS and media newer than this test")


def test_listed_fragments_follow_each_other_without_gap_or_overlap(job):
    listed = wait_for_fragments(job.server, STREAM, 6)
    for earlier, later in itertools.pairwise(listed):
        # A fragment's length ends with its last frame's, which is estimated: a frame's worth either way.
        assert abs(start_ms(later) - end_ms(earlier)) <= FRAME_MS, (earlier, later)
        assert int(later["FragmentNumber"]) > int(earlier["FragmentNumber"])
        assert later["ServerTimestamp"] >= earlier["ServerTimestamp"]
    for fragment in listed:
        assert re.fullmatch(r"\d{47}", fragment["FragmentNumber"])
        assert 0 < fragment["FragmentLengthInMilliseconds"] <= 20_000
        age = datetime.datetime.now(datetime.UTC) - fragment["ProducerTimestamp"]
        assert datetime.timedelta(0) < age < datetime.timedelta(minutes=10), "not recorded just now"


def test_the_aws_cli_lists_what_boto3_lists(job):
    wanted = wait_for_fragments(job.server, STREAM, 4)
    until = end_ms(wanted[-1]) / 1000
    selector = {
        "FragmentSelectorType": "PRODUCER_TIMESTAMP",
        "TimestampRange": {"StartTimestamp": start_ms(wanted[0]) / 1000, "EndTimestamp": until},
    }
    answer = job.server.aws(
        "kinesis-video-archived-media", "list-fragments", "--stream-name", STREAM, "--fragment-selector",
        json.dumps(selector),
    )  # fmt: skip
    numbers = {fragment["FragmentNumber"] for fragment in answer["Fragments"]}
    assert {fragment["FragmentNumber"] for fragment in wanted} <= numbers


def test_fragments_are_found_by_server_time_and_page_by_page(job):
    listed = wait_for_fragments(job.server, STREAM, 5)
    by_page = list_fragments(job.server, STREAM, page=2)
    assert [f["FragmentNumber"] for f in by_page][: len(listed)] == [f["FragmentNumber"] for f in listed]

    first, third = listed[0], listed[2]
    span = {"start": first["ServerTimestamp"], "end": third["ServerTimestamp"]}
    by_server_time = list_fragments(job.server, STREAM, "SERVER_TIMESTAMP", **span)
    assert [f["FragmentNumber"] for f in by_server_time][:3] == [f["FragmentNumber"] for f in listed[:3]]

    only = list_fragments(job.server, STREAM, start=third["ProducerTimestamp"], end=third["ProducerTimestamp"])
    assert [f["FragmentNumber"] for f in only] == [third["FragmentNumber"]]


def test_every_frame_the_camera_sent_comes_back_byte_for_byte_in_order(job):
    """Twelve seconds, past the end of the camera's ten-second file: the loop's seam is in it."""
    wait_for_fragments(job.server, STREAM, 12)
    fragments = get_media(job.server, STREAM, count=12)
    for kind in ("video", "audio"):
        source = elementary.source_frames(media.h264_aac_mp4(), kind)
        elementary.assert_contiguous(elementary.comparable_run(fragments, kind), source)
    pictures = elementary.comparable_run(fragments, "video")
    assert len(pictures) > len(elementary.source_frames(media.h264_aac_mp4(), "video"))


def test_frame_times_follow_the_camera_s_pace(job):
    wait_for_fragments(job.server, STREAM, 4)
    fragments = get_media(job.server, STREAM, count=4)
    (video,) = [number for number, track in fragments[0].tracks.items() if track.kind == "video"]
    times = [frame.timestamp_ms for document in fragments for frame in document.frames() if frame.track == video]
    source = elementary.source_frames(media.h264_aac_mp4(), "video")
    (run,) = elementary.runs(elementary.comparable_run(fragments, "video"), source)
    for number, (earlier, later) in enumerate(itertools.pairwise(times), start=run.first + 1):
        # At the seam of the loop the first picture waits for the end of the sound, which is a little longer.
        if number % len(source):
            assert abs(later - earlier - FRAME_MS) <= 2, f"{later - earlier} ms before frame {number}"


def test_get_media_begins_each_fragment_with_a_key_frame_and_tags_it_as_listed(job):
    wait_for_fragments(job.server, STREAM, 3)
    listed = {fragment["FragmentNumber"]: fragment for fragment in list_fragments(job.server, STREAM)}
    for document in get_media(job.server, STREAM, count=3):
        fragment = listed[fragment_number(document)]
        (cluster,) = document.clusters
        assert cluster.frames[0].key and document.tracks[cluster.frames[0].track].kind == "video"
        assert cluster.timestamp_ms == start_ms(fragment)
        tags = (document.tag(f"AWS_KINESISVIDEO_{side}_TIMESTAMP") for side in ("PRODUCER", "SERVER"))
        producer, server = (round(float(tag) * 1000) for tag in tags)
        assert producer == start_ms(fragment)
        assert server == round(fragment["ServerTimestamp"].timestamp() * 1000)
        assert document.tag("AWS_KINESISVIDEO_CONTINUATION_TOKEN") == fragment["FragmentNumber"]
        assert int(document.tag("AWS_KINESISVIDEO_MILLIS_BEHIND_NOW")) >= 0


def test_get_media_starts_where_the_selector_says(job):
    listed = wait_for_fragments(job.server, STREAM, 8)
    numbers = [fragment["FragmentNumber"] for fragment in listed]

    def first(**selector):
        return fragment_number(get_media(job.server, STREAM, count=1, **selector)[0])

    assert first(StartSelectorType="EARLIEST") == numbers[0]
    assert first(StartSelectorType="FRAGMENT_NUMBER", AfterFragmentNumber=numbers[1]) == numbers[2]
    assert first(StartSelectorType="CONTINUATION_TOKEN", ContinuationToken=numbers[2]) == numbers[3]
    inside = listed[2]["ProducerTimestamp"] + datetime.timedelta(milliseconds=300)
    assert first(StartSelectorType="PRODUCER_TIMESTAMP", StartTimestamp=inside) == numbers[2]
    # Fragments of a backlog may have come within one millisecond: take one that came alone.
    arrivals = [fragment["ServerTimestamp"] for fragment in listed]
    alone = max(number for number, arrival in enumerate(arrivals) if arrivals.count(arrival) == 1)
    assert first(StartSelectorType="SERVER_TIMESTAMP", StartTimestamp=arrivals[alone]) == numbers[alone]


def test_get_media_from_now_follows_the_live_stream(job):
    before = wait_for_fragments(job.server, STREAM, 3)
    followed = get_media(job.server, STREAM, count=3, StartSelectorType="NOW")
    numbers = [int(fragment_number(document)) for document in followed]
    assert numbers == sorted(set(numbers))
    assert numbers[0] >= int(before[-1]["FragmentNumber"])
    pictures = elementary.comparable_run(followed, "video")
    elementary.assert_contiguous(pictures, elementary.source_frames(media.h264_aac_mp4(), "video"))


def test_ffprobe_ffmpeg_and_mkvinfo_read_what_get_media_delivers(job, tmp_path):
    wait_for_fragments(job.server, STREAM, 3)
    fragments = get_media(job.server, STREAM, count=3)
    path = tmp_path / "read.mkv"
    path.write_bytes(b"".join(document.raw for document in fragments))

    video, audio = ffprobe(path)
    assert (video["codec_name"], video["width"], video["height"]) == ("h264", 640, 360)
    assert audio["codec_name"] == "aac"
    assert int(video["nb_read_packets"]) == len(elementary.comparable_run(fragments, "video"))
    decode = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(path), "-f", "null", "-"]
    done = subprocess.run(decode, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and complaints(done.stderr) == []

    path.write_bytes(fragments[0].raw)
    info = subprocess.run(["mkvinfo", str(path)], capture_output=True, text=True, timeout=60)
    assert info.returncode == 0, info.stdout
    assert "V_MPEG4/ISO/AVC" in info.stdout and "A_AAC" in info.stdout and "Cluster" in info.stdout


def test_the_media_files_on_the_hub_are_playable_as_they_are(job):
    wait_for_fragments(job.server, STREAM, 3)
    path = job.hub.media_files()[0]
    streams = ffprobe(path)
    assert {stream["codec_name"] for stream in streams} == {"h264", "aac"}
    assert int(streams[0]["nb_read_packets"]) >= 2 * media.FRAMES_PER_SECOND


def test_neither_camera_password_nor_secret_key_is_printed_or_kept_in_clear(job):
    """Looks through every log and every file of server and hub.

    Two files may hold one, each for its owner's eyes only: the server's credentials file, which is there for that, and
    the hub's configurations, for a hub records on through an outage and its own restart in it.
    """
    wait_for_fragments(job.server, STREAM, 1)
    _, secret_key = job.server.key()
    for secret in (PASSWORD, URI_PASSWORD, secret_key):
        for process in job.processes:
            assert secret not in process.log(), f"the log of {process.name} shows a secret"
        for folder in (job.server.data_dir, job.hub.data_dir):
            for path in sorted(folder.rglob("*")):
                if path.is_file() and secret.encode() in path.read_bytes():
                    assert path.name in ("credentials", "configurations.json"), f"{path.name} holds a secret in clear"
                    assert path.stat().st_mode & 0o077 == 0, f"others may read {path.name}"


def ffprobe(path):
    command = ["ffprobe", "-v", "error", "-count_packets", "-show_streams", "-of", "json", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and complaints(done.stderr) == []
    return json.loads(done.stdout)["streams"]


def complaints(text):
    """What ffmpeg found wrong; that one document follows another, as GetMedia answers, it only mentions."""
    return [line for line in text.splitlines() if "Found unknown-length element with ID 0x18538067" not in line]
