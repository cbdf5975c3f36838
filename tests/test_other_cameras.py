"""Real third-party cameras: GStreamer's RTSP server with H.264 and H.265, Digest and Basic authentication."""

import itertools

import pytest

import elementary
import media
from streams import agent_status, configure, end_ms, get_media, start_ms, wait_for_fragments, wait_in_sync
from waiting import eventually

# Audio comes from Matroska: of an MP4, GStreamer leaves out the audio frames that its edit list hides.
CAMERAS = {
    "h264-aac-digest": {"media": media.h264_aac_mkv, "kinds": ("video", "audio"), "basic": False},
    "h265-digest": {"media": media.h265_mp4, "kinds": ("video",), "basic": False},
    "h264-basic": {"media": media.h264_mp4, "kinds": ("video",), "basic": True},
    "h265-aac-digest": {"media": media.h265_aac_mkv, "kinds": ("video", "audio"), "basic": False},
}


@pytest.fixture(scope="module")
def recorded(site):
    """One hub with all the cameras at once."""
    agent = site.agent()
    agent.start()
    for name, camera in CAMERAS.items():
        address = site.gstreamer_camera(
            camera["media"](), name=name, user="admin", password="s3cret", basic=camera["basic"]
        )
        configure(site.server, agent, name, f"rtsp://admin:s3cret@{address}/cam0")
    return site


@pytest.mark.parametrize("name", CAMERAS)
def test_every_frame_of_a_third_party_camera_is_recorded_and_uploaded_byte_for_byte(recorded, name):
    wait_in_sync(recorded.server, name)
    listed = wait_for_fragments(recorded.server, name, 13, deadline_seconds=60)
    for earlier, later in itertools.pairwise(listed):
        assert abs(start_ms(later) - end_ms(earlier)) <= 60, (earlier, later)
    fragments = get_media(recorded.server, name, count=13)
    for kind in CAMERAS[name]["kinds"]:
        source = elementary.source_frames(CAMERAS[name]["media"](), kind)
        received = elementary.comparable_run(fragments, kind)
        elementary.assert_contiguous(received, source)
        assert len(received) > len(source), "the end of the camera's file is not in it"


@pytest.mark.parametrize("name", CAMERAS)
def test_a_third_party_camera_s_jobs_report_success(recorded, name):
    def succeeded():
        recorder, uploader = agent_status(recorded.server, name)
        return (recorder.get("RecorderStatus"), uploader.get("UploaderStatus")) == ("SUCCESS", "SUCCESS")

    eventually(succeeded, 40, f"both jobs of {name} report SUCCESS")
