"""Finding and watching video in the console, in a real browser: what a guard does."""

import datetime
import signal
import threading
import time
import zoneinfo

import pytest

import browsers
import media
import put_media
from streams import configure, create_stream, wait_in_sync

ZONE = zoneinfo.ZoneInfo("Asia/Kolkata")


@pytest.mark.long
@pytest.mark.timeout(600)
def test_an_incident_is_found_heard_and_looked_at(own_site):
    server = own_site.server
    agent = own_site.agent()
    agent.start()
    camera = own_site.vigie_camera(media.h264_aac_mp4())
    configure(server, agent, "gate", f"rtsp://{camera}/cam0")
    locked = own_site.vigie_camera(media.h264_mp4(), name="locked", user="viewer", password="look")
    configure(server, agent, "locked", f"rtsp://{locked}/cam0")
    wait_in_sync(server, "gate")

    yesterday = datetime.datetime.now(ZONE) - datetime.timedelta(days=1)
    incident = yesterday.replace(hour=14, minute=30, second=0, microsecond=0)
    create_stream(server, "incident")
    for seconds in range(-20, 60, 10):
        put_media.put(server, "incident", put_media.recorded(media.h264_aac_mkv(), incident.timestamp() + seconds))
    create_stream(server, "modern")
    create_stream(server, "late")
    ended = threading.Event()

    def upload_late(_):
        # As a hub does at night: what it filmed a day ago, faster than it was filmed.
        def upload():
            filmed = time.time() - 86_400
            while not ended.is_set():
                put_media.put(server, "late", put_media.recorded(media.h264_mkv(), filmed))
                filmed += 10
                ended.wait(2)

        threading.Thread(target=upload, daemon=True).start()

    def upload_modern(_):
        put_media.put(server, "modern", put_media.recorded(media.h265_aac_mkv(), time.time() - 10))

    deeds = {"upload_late": upload_late, "upload_modern": upload_modern, "hub_dies": lambda _: agent.process.signal(signal.SIGSTOP)}
    try:
        with browsers.outside(**deeds) as control:
            told = {"INCIDENT": str(round(incident.timestamp() * 1000)), "CONTROL": control}
            print(browsers.run("console-watching.test.mjs", server, deadline_seconds=500, **told))
    finally:
        ended.set()
