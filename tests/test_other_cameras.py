"""Real third-party cameras: GStreamer's RTSP server with every codec, over every transport, asking in every way."""

import itertools
import subprocess

import pytest

import elementary
import media
from streams import agent_status, configure, end_ms, get_media, start_ms, wait_for_fragments, wait_in_sync
from waiting import eventually

pytestmark = pytest.mark.real_time

# Short files with a key frame a second, so that the end of each is soon reached. Audio comes from Matroska: of an MP4,
# GStreamer leaves out the audio frames that its edit list hides.
SECONDS = 4
FRAGMENTS = SECONDS + 3
MEDIA = {
    "h264-aac": media.h264_aac_mkv,
    "h265-aac": media.h265_aac_mkv,
    "h264-alaw": media.h264_alaw_mkv,
    "h265-mulaw": media.h265_mulaw_mkv,
    "h264-b-frames-aac": media.h264_b_frames_aac_mkv,
}
SCHEMES = {"tcp": "rtsp", "udp": "rtspu", "tls": "rtsps"}
AUTHENTICATIONS = {
    "none": {},
    "basic": {"user": "admin", "password": "s3cret", "basic": True},
    "digest": {"user": "admin", "password": "s3cret"},
}
CAMERAS = list(itertools.product(MEDIA, SCHEMES, AUTHENTICATIONS))


def stream_name(camera):
    return "-".join(camera)


@pytest.fixture(scope="module")
def recorded(site):
    """One hub with all the cameras at once."""
    # As cameras make theirs: signed by nobody else, for a name that is not the camera's.
    certificate, key, both = (site.folder / name for name in ("camera.pem", "camera.key", "camera-both.pem"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-subj", "/CN=camera", "-days", "2", "-keyout", key, "-out", certificate],
        check=True, capture_output=True, timeout=30,
    )  # fmt: skip
    both.write_text(certificate.read_text() + key.read_text())
    agent = site.agent()
    agent.more = ["--camera-ca", certificate]
    agent.start()
    files = [source(SECONDS) for source in MEDIA.values()]
    for authentication, login in AUTHENTICATIONS.items():
        plain = site.gstreamer_camera(*files, name=f"plain-{authentication}", **login)
        tls = site.gstreamer_camera(*files, name=f"tls-{authentication}", tls=both, **login)
        for number, name in enumerate(MEDIA):
            for transport, scheme in SCHEMES.items():
                address = tls if transport == "tls" else plain
                user = "admin:s3cret@" if login else ""
                uri = f"{scheme}://{user}{address}/cam{number}"
                configure(site.server, agent, stream_name((name, transport, authentication)), uri)
    return site


@pytest.mark.parametrize("camera", CAMERAS, ids=stream_name)
def test_every_frame_of_a_third_party_camera_is_recorded_and_uploaded_byte_for_byte(recorded, camera):
    name = stream_name(camera)
    wait_in_sync(recorded.server, name, deadline_seconds=60)
    listed = wait_for_fragments(recorded.server, name, FRAGMENTS, deadline_seconds=90)
    # No hole. They may overlap where a camera sends its tracks unevenly, as after a hitch: what must not move is where
    # each picture and the sound to it lie in time, which is looked at below.
    for earlier, later in itertools.pairwise(listed):
        assert start_ms(later) - end_ms(earlier) <= 60, (earlier, later)
    fragments = get_media(recorded.server, name, count=FRAGMENTS)
    path = MEDIA[camera[0]](SECONDS)
    source = elementary.source_frames(path, "video")
    received = elementary.comparable_run(fragments, "video")
    elementary.assert_contiguous(received, source)
    elementary.assert_pictures_spaced(fragments, source, 1000 / media.FRAMES_PER_SECOND)
    elementary.assert_in_step(fragments, path, 60)
    assert len(received) > len(source), "the end of the camera's file is not in it"
    if camera[0].endswith("aac"):
        source = elementary.source_frames(path, "audio")
        elementary.assert_contiguous(elementary.comparable_run(fragments, "audio"), source)
    else:
        elementary.assert_contiguous_sound(fragments, path)


@pytest.mark.parametrize("camera", CAMERAS, ids=stream_name)
def test_a_third_party_camera_s_jobs_report_success(recorded, camera):
    def succeeded():
        recorder, uploader = agent_status(recorded.server, stream_name(camera))
        return (recorder.get("RecorderStatus"), uploader.get("UploaderStatus")) == ("SUCCESS", "SUCCESS")

    eventually(succeeded, 40, f"both jobs of {stream_name(camera)} report SUCCESS")
