"""FILE_URI: a file's frames are recorded once, all of them, and uploaded."""

import itertools
import json
import time

import pytest

import elementary
import matroska
import media
from streams import (
    agent_status,
    configure,
    end_ms,
    get_media,
    list_fragments,
    start_ms,
    wait_for_fragments,
    wait_in_sync,
)
from waiting import eventually

FILES = {
    "h264-mp4": (media.h264_mp4, ("video",)),
    "h264-mkv": (media.h264_mkv, ("video",)),
    "h264-b-frames-aac-mp4": (media.h264_b_frames_aac_mp4, ("video", "audio")),
    "h265-aac-mkv": (media.h265_aac_mkv, ("video", "audio")),
}


@pytest.fixture(scope="module")
def recorded(site):
    agent = site.agent()
    agent.file_roots = [media.FOLDER]
    agent.start()
    for name, (source, _) in FILES.items():
        configure(site.server, agent, name, source().resolve().as_uri(), uri_type="FILE_URI")
    return site


def wait_for_all(recorded, name):
    """Waits until as much video is listed as the file holds (10 s) and returns the fragments."""

    def whole():
        listed = list_fragments(recorded.server, name)
        length = sum(fragment["FragmentLengthInMilliseconds"] for fragment in listed)
        assert length >= 10_000 - 100, f"{length} ms are listed"
        return listed

    return eventually(whole, 60, f"all ten seconds of {name} are listed")


@pytest.mark.parametrize("name", FILES)
def test_every_frame_of_the_file_is_recorded_once_and_uploaded(recorded, name):
    wait_in_sync(recorded.server, name)
    listed = wait_for_all(recorded, name)
    source, kinds = FILES[name]
    fragments = get_media(recorded.server, name, count=len(listed))
    for kind in kinds:
        # Also the sound from before the first picture.
        elementary.assert_whole(elementary.comparable_run(fragments, kind), elementary.source_frames(source(), kind))
    for earlier, later in itertools.pairwise(listed):
        assert abs(start_ms(later) - end_ms(earlier)) <= 60, (earlier, later)


def test_a_file_is_recorded_again_by_a_new_configuration_and_not_by_a_restart_of_the_agent(own_site):
    agent = own_site.agent()
    agent.file_roots = [media.FOLDER]
    agent.start()
    uri = media.h264_mp4().resolve().as_uri()
    configure(own_site.server, agent, "again", uri, uri_type="FILE_URI")
    once = len(wait_for_all(own_site, "again"))
    agent.kill()
    restarted_at = time.time()
    agent.start()

    def finished():
        recorder, _ = agent_status(own_site.server, "again")
        return recorder["LastUpdatedTime"].timestamp() > restarted_at and recorder["RecorderStatus"] == "SUCCESS"

    kinesisvideo = own_site.server.client("kinesisvideo")
    config = kinesisvideo.describe_edge_configuration(StreamName="again")["EdgeConfig"]
    eventually(finished, 30, "the restarted recorder has reported")
    assert len(list_fragments(own_site.server, "again")) == once

    # Sending a configuration again is how KVS has a job done anew.
    kinesisvideo.start_edge_configuration_update(StreamName="again", EdgeConfig=config)
    wait_for_fragments(own_site.server, "again", 2 * once, deadline_seconds=60)
    pictures = elementary.comparable_run(get_media(own_site.server, "again", count=2 * once), "video")
    source = elementary.source_frames(media.h264_mp4(), "video")
    elementary.assert_whole(pictures[: len(source)], source)
    elementary.assert_whole(pictures[len(source) :], source)


def test_the_file_s_jobs_report_success(recorded):
    def succeeded():
        recorder, uploader = agent_status(recorded.server, "h264-mp4")
        return (recorder.get("RecorderStatus"), uploader.get("UploaderStatus")) == ("SUCCESS", "SUCCESS")

    eventually(succeeded, 40, "recorder and uploader report SUCCESS")


def test_the_aws_cli_writes_the_stream_to_a_file(recorded, tmp_path):
    wait_for_all(recorded, "h264-mkv")
    path = tmp_path / "media.mkv"
    answer = recorded.server.aws(
        "kinesis-video-media", "get-media", "--stream-name", "h264-mkv", "--start-selector",
        json.dumps({"StartSelectorType": "EARLIEST"}), path,
    )  # fmt: skip
    assert answer["ContentType"].startswith("video/")
    documents = matroska.documents(path.read_bytes())
    fragments = [document for document in documents if document.clusters]
    pictures = elementary.comparable_run(fragments, "video")
    elementary.assert_whole(pictures, elementary.source_frames(media.h264_mkv(), "video"))
