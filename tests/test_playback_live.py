"""Live sessions read by ffmpeg while a producer sends: every frame that comes is one that was stored, in order."""

import subprocess

import pytest

import media
import playback
import producer
import streams

FRAMES = 60


@pytest.fixture(scope="module")
def live(site):
    """A stream that a producer fills meanwhile; gives the hashes of the frames that go round."""
    path = media.h264_aac_mp4(6)
    streams.create_stream(site.server, "live")
    with producer.live(site.server, "live", producer.media(path)):
        streams.wait_for_fragments(site.server, "live", 3)
        yield playback.frame_hashes(path)


def read(url):
    """The hashes of frames as they come."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", url, "-map", "0:v:0", "-fps_mode", "passthrough"]
    done = subprocess.run(
        [*command, "-frames:v", str(FRAMES), "-f", "framemd5", "-"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return playback.hashes(done.stdout)


@pytest.mark.parametrize("form", ["FRAGMENTED_MP4", "MPEG_TS", "DASH"])
def test_ffmpeg_follows_a_live_session(site, live, form):
    if form == "DASH":
        url = playback.dash_url(site.server, "live")
    else:
        url = playback.hls_url(site.server, "live", ContainerFormat=form)
    found = read(url)
    assert len(found) == FRAMES
    first = live.index(found[0])
    assert found == [live[(first + at) % len(live)] for at in range(FRAMES)]
