"""A wall of cameras in the console, in a real browser."""

import time

import pytest

import browsers
import media
import put_media
from streams import configure, create_stream, wait_in_sync

CAMERAS = [f"camera-{number}" for number in range(1, 9)]
DYING = CAMERAS[-1]


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_wall_of_nine_with_one_camera_dying(own_site):
    server = own_site.server
    agent = own_site.agent()
    agent.start()
    address = own_site.vigie_camera(media.low_rate_mp4(), mounts=len(CAMERAS) - 1)
    for number, name in enumerate(CAMERAS[:-1]):
        configure(server, agent, name, f"rtsp://{address}/cam{number}")
    dying = own_site.vigie_camera(media.low_rate_mp4(), name="dying")
    configure(server, agent, DYING, f"rtsp://{dying}/cam0")
    create_stream(server, "modern")
    for name in CAMERAS:
        wait_in_sync(server, name)
    cameras = {process.name: process for process in own_site.processes}

    def upload_modern(_):
        put_media.put(server, "modern", put_media.recorded(media.h265_aac_mkv(), time.time() - 10))

    def tag(_):
        server.client("kinesisvideo").tag_stream(StreamName=CAMERAS[0], Tags={"SubStream": CAMERAS[1]})

    deeds = {"upload_modern": upload_modern, "dies": lambda _: cameras["dying"].end(), "tag": tag}
    with browsers.outside(**deeds) as control:
        told = {"CAMERAS": " ".join(CAMERAS), "DYING": DYING, "CONTROL": control}
        print(browsers.run("console-wall.test.mjs", server, deadline_seconds=400, **told))


@pytest.mark.timeout(330)
def test_a_camera_whose_video_begins_later_joins_the_wall(own_site):
    server = own_site.server
    begun = time.time() - 600
    for name, starts in {"early": [begun + 10 * n for n in range(12)], "later": [begun + 80, begun + 90, begun + 100]}.items():
        create_stream(server, name)
        for start in starts:
            put_media.put(server, name, put_media.recorded(media.h264_mkv(), start))
    print(browsers.run("console-wall-later.test.mjs", server, BEGUN=f"{begun * 1000:.0f}"))
