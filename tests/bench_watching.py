"""Measures what watching in the console takes, and writes the page of it. Part of `make bench`; no test runs it.

Wants a release build of the program with the console in it, named by VIGIE_BIN.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

import browsers
import machine
import media
import processes
import put_media
from streams import configure, create_stream, wait_in_sync

ROUNDS = 7
LIVE = "gate"
RECORDED_SECONDS = 120


def measure():
    with tempfile.TemporaryDirectory() as folder, processes.Site(folder) as site:
        server, agent = site.server, site.agent()
        server.start()
        agent.start()
        create_stream(server, "recorded")
        begun = time.time() - 600
        put_media.put(server, "recorded", put_media.recorded(media.main_stream_mkv(RECORDED_SECONDS), begun))
        address = site.vigie_camera(media.sub_stream_mp4())
        configure(server, agent, LIVE, f"rtsp://{address}/cam0")
        wait_in_sync(server, LIVE)

        def restart(_):
            server.process.stop()
            server.start()

        # A live playlist wants some fragments.
        time.sleep(15)
        with browsers.outside(restart=restart) as control:
            told = {"LIVE": LIVE, "RECORDED": f"{begun * 1000:.0f} {RECORDED_SECONDS * 1000}"}
            printed = browsers.measure(
                "console-watch.mjs", server, deadline_seconds=1200, ROUNDS=str(ROUNDS), CONTROL=control, **told
            )
    return json.loads(printed)


def page(measured):
    def row(what, name, aim=""):
        took = measured[name]
        return f"| {what} | {statistics.median(took):.0f} | {max(took):.0f} | {len(took)} | {aim} |"

    chromium = subprocess.run(["chromium", "--version"], capture_output=True, text=True, check=True).stdout
    return f"""# Watching in the console

Part of [the benchmarks](../benchmarks.md); `make bench` writes this page.

{machine.measured_on()}.
Browser, server, hub and camera share them.
{" ".join(chromium.split()[:2])} without a screen, which decodes and paints by processor, and a release build of server and agent, over loopback.

Milliseconds until a picture is there. The recording is of 1080p at 25 frames a second, 4 Mbit/s, groups of two seconds; the
live camera of 640 by 360. *Cold*: the server was just started, with no decoder running. A preview includes the 80 ms for
which the pointer has to rest.

| | median | worst | of | aim |
| --- | ---: | ---: | ---: | ---: |
{row("First picture of a recorded moment, in a browser that was just started", "first")}
{row("The same, once the player is loaded", "recorded")}
{row("First picture of live video", "live")}
{row("Preview while hovering over the timeline, cold", "cold", "400")}
{row("The same, warm, of a moment that was not shown before", "warm", "150")}
"""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--page", type=pathlib.Path, required=True, help="the page to write")
    options = parser.parse_args()
    text = page(measure())
    options.page.write_text(text)
    print(text)
