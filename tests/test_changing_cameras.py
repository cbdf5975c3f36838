"""A camera that changes its picture's size in mid-stream: every picture comes out as it went in."""

import subprocess

import pytest

import elementary
import media
from streams import configure, get_media, wait_for_fragments, wait_in_sync

MEDIA = {"h264": media.changing_h264_mkv, "hevc": media.changing_h265_mkv}
CAMERAS = [(camera, codec) for camera in ("vigie", "gstreamer") for codec in MEDIA]
# Two seconds of each size, one key frame a second: the size changes back and forth.
FRAGMENTS = 9


@pytest.fixture(scope="module")
def recorded(site):
    agent = site.agent()
    agent.start()
    for camera, codec in CAMERAS:
        start = site.vigie_camera if camera == "vigie" else site.gstreamer_camera
        address = start(MEDIA[codec](), name=f"{camera}-{codec}")
        # The hub's media files are looked at: what is uploaded is not to go meanwhile.
        kept = {"DeleteAfterUpload": False}
        configure(site.server, agent, f"{camera}-{codec}", f"rtsp://{address}/cam0", deletion=kept)
    site.hub = agent
    return site


def decoded(path):
    """A checksum of every picture of a file."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-xerror", "-i", path, "-map", "0:v", "-f", "framemd5", "-"]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    return [line.split(",")[-1].strip() for line in done.stdout.splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("camera, codec", CAMERAS)
def test_a_new_size_begins_a_new_document_and_every_picture_can_be_decoded(recorded, camera, codec, tmp_path):
    name = f"{camera}-{codec}"
    wait_in_sync(recorded.server, name)
    wait_for_fragments(recorded.server, name, FRAGMENTS, deadline_seconds=60)
    fragments = get_media(recorded.server, name, count=FRAGMENTS)
    sizes = [(track.width, track.height) for document in fragments for track in document.tracks.values()]
    assert {(640, 360), (320, 180)} == set(sizes), sizes
    source = elementary.source_frames(MEDIA[codec](), "video")
    received = elementary.comparable_run(fragments, "video")
    elementary.assert_contiguous(received, source)
    assert len(received) > len(source)

    pictures = {size: decoded(part) for size, part in media.changing_parts(codec).items()}
    for number, (size, document) in enumerate(zip(sizes, fragments, strict=True)):
        path = tmp_path / f"{number}.mkv"
        path.write_bytes(document.raw)
        found = decoded(path)
        assert len(found) == 25 and set(found) <= set(pictures[size]), f"fragment {number} of {size}"


@pytest.mark.parametrize("camera, codec", CAMERAS)
def test_every_media_file_of_the_hub_plays_by_itself(recorded, camera, codec):
    wait_for_fragments(recorded.server, f"{camera}-{codec}", FRAGMENTS, deadline_seconds=60)
    pictures = {picture for part in media.changing_parts(codec).values() for picture in decoded(part)}
    files = [path for path in recorded.hub.media_files() if path.parent.name.startswith(f"{camera}-{codec}")]
    # The last is being written.
    for path in files[:-1]:
        found = decoded(path)
        assert found and set(found) <= pictures, path
