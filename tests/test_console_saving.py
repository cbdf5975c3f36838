"""Saving what one sees, and handing it over: in a real browser, with ffprobe as the judge of the file."""

import json
import subprocess
import time

import pytest

import browsers
import media
import put_media
from streams import create_stream

MINUTES = 40


def whole(path):
    """ffprobe's opinion of a file, with every frame decoded."""
    command = ["ffprobe", "-v", "error", "-count_frames", "-show_streams", "-show_format", "-of", "json", path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return json.loads(done.stdout)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_an_incident_is_saved_whole_handed_over_by_a_link_and_the_link_ends(own_site, tmp_path):
    server = own_site.server
    create_stream(server, "incident")
    begin = time.time() // 1 - 2 * 3600
    minute = media.small_h264_aac_mkv(60)
    for at in range(MINUTES):
        # The camera was away for two minutes.
        if at not in (20, 21):
            put_media.put(server, "incident", put_media.recorded(minute, begin + 60 * at))
    create_stream(server, "yard")
    for at in range(8, 13):
        put_media.put(server, "yard", put_media.recorded(minute, begin + 60 * at))
    create_stream(server, "empty")
    clip, manifest = tmp_path / "clip.mp4", tmp_path / "clip.txt"
    told = {"BEGIN": f"{begin * 1000:.0f}", "END": f"{(begin + 60 * MINUTES) * 1000:.0f}"}
    print(browsers.run("console-saving.test.mjs", server, deadline_seconds=500, CLIP=str(clip), MANIFEST=str(manifest), **told))
    found = whole(clip)
    kinds = {stream["codec_type"]: stream for stream in found["streams"]}
    assert set(kinds) == {"video", "audio"}
    # The last twenty seconds were not marked; fragments are whole.
    marked = 60 * MINUTES - 20
    assert abs(float(found["format"]["duration"]) - marked) < 10
    # All but what the camera did not give.
    pictures = int(kinds["video"]["nb_read_frames"])
    assert pictures == int(kinds["video"]["nb_frames"])
    assert abs(pictures - 25 * (marked - 120)) < 25 * 10
    assert "SHA-256" in manifest.read_text()
