"""Vigie's simulated camera, held against ffmpeg: what it promises to tests and to people without a camera."""

import subprocess

import pytest

import elementary
import matroska
import media
import processes


# Short files, so that the end of each is soon reached.
SECONDS = 4
SOURCES = [media.h264_aac_mp4, media.h265_mp4, media.h265_aac_mkv]


@pytest.fixture(scope="module")
def looping_cameras(tmp_path_factory):
    """One process with two mounts for each source, all asking for a password."""
    with processes.Site(tmp_path_factory.mktemp("cameras")) as site:
        yield {
            source.__name__: site.vigie_camera(
                source(SECONDS), name=f"camera-{source.__name__}", user="viewer", password="look", mounts=2
            )
            for source in SOURCES
        }


def play(address, path, tmp_path, transport, seconds=SECONDS + 2, credentials=""):
    """Records the camera with ffmpeg and returns the document."""
    output = tmp_path / "played.mkv"
    command = [
        "ffmpeg", "-nostdin", "-v", "error", "-y", "-rtsp_transport", transport, "-i",
        f"rtsp://{credentials}{address}/{path}", "-t", str(seconds), "-map", "0", "-c", "copy", str(output),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 40)
    assert done.returncode == 0, done.stderr
    (document,) = matroska.documents(output.read_bytes())
    return document


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("source", SOURCES, ids=lambda f: f.__name__)
def test_ffmpeg_gets_every_frame_of_the_looped_file(source, transport, looping_cameras, tmp_path):
    document = play(looping_cameras[source.__name__], "cam1", tmp_path, transport, credentials="viewer:look@")
    for kind in {track.kind for track in document.tracks.values()}:
        received = elementary.comparable(document, kind, trim_zeros=True)
        # ffmpeg drops or trims at its own start and end; in between nothing may be missing.
        elementary.assert_contiguous(received, elementary.source_frames(source(SECONDS), kind))
        assert len(received) > len(elementary.source_frames(source(SECONDS), kind))


@pytest.mark.parametrize(
    "credentials, path, complaint",
    [("", "cam0", "401 Unauthorized"), ("viewer:wrong@", "cam0", "401 Unauthorized"), ("viewer:look@", "cam2", "404")],
    ids=["nobody", "wrong-password", "no-such-mount"],
)
def test_who_may_not_look_or_asks_for_what_is_not_there_is_refused(looping_cameras, credentials, path, complaint):
    url = f"rtsp://{credentials}{looping_cameras['h264_aac_mp4']}/{path}"
    command = ["ffprobe", "-v", "error", "-rtsp_transport", "tcp", url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode != 0
    assert complaint in done.stderr, done.stderr
