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
CAMERAS = [f"camera-{number:02}" for number in range(16)]
RECORDED_SECONDS = 120


def measure():
    with tempfile.TemporaryDirectory() as folder, processes.Site(folder) as site:
        server, agent = site.server, site.agent()
        server.start()
        agent.start()
        create_stream(server, "recorded")
        begun = time.time() - 600
        put_media.put(server, "recorded", put_media.recorded(media.main_stream_mkv(RECORDED_SECONDS), begun))
        address = site.vigie_camera(media.sub_stream_mp4(), mounts=len(CAMERAS))

        def record(cameras):
            for name in cameras:
                configure(server, agent, name, f"rtsp://{address}/cam{CAMERAS.index(name)}")
            for name in cameras:
                wait_in_sync(server, name)

        def live_session(stream):
            control = server.client("kinesisvideo")
            endpoint = control.get_data_endpoint(StreamName=stream, APIName="GET_HLS_STREAMING_SESSION_URL")["DataEndpoint"]
            media_client = server.client("kinesis-video-archived-media", endpoint_url=endpoint)
            made = media_client.get_hls_streaming_session_url(StreamName=stream, PlaybackMode="LIVE", ContainerFormat="FRAGMENTED_MP4")
            return made["HLSStreamingSessionURL"]

        def restart(_):
            server.process.stop()
            server.start()

        def start_cameras(_):
            record(CAMERAS[1:])
            # A live playlist wants some fragments.
            time.sleep(15)

        record(CAMERAS[:1])
        time.sleep(15)
        deeds = {
            "restart": restart,
            "start_cameras": start_cameras,
            "live_session": live_session,
            "server_pid": lambda _: str(server.process.pid),
        }
        with browsers.outside(**deeds) as control:
            told = {"CAMERAS": " ".join(CAMERAS), "RECORDED": f"{begun * 1000:.0f} {RECORDED_SECONDS * 1000}"}
            printed = browsers.measure(
                "console-watch.mjs", server, deadline_seconds=1200, ROUNDS=str(ROUNDS), CONTROL=control, **told
            )
    return json.loads(printed)


def page(measured):
    def row(what, name, aim=""):
        took = measured[name]
        return f"| {what} | {statistics.median(took):.0f} | {max(took):.0f} | {len(took)} | {aim} |"

    def wall(what, name):
        page, server = (statistics.median(one[part] for one in measured[name]) for part in ("page", "server"))
        frames = [rate for one in measured[name] for rate in one["framesPerSecond"]]
        return f"| {what} | {page:.2f} | {server:.3f} | {min(frames):.1f} | {statistics.median(frames):.1f} |"

    def of(name, part):
        return statistics.median(one[part] for one in measured[name])

    ratio = of("ours", "page") / of("plain", "page")
    chromium = subprocess.run(["chromium", "--version"], capture_output=True, text=True, check=True).stdout
    return f"""# Watching in the console

Part of [the benchmarks](../benchmarks.md); `make bench` writes this page.

{machine.measured_on()}.
Browser, server, hub and cameras share them.
{" ".join(chromium.split()[:2])} without a screen, which decodes and paints by processor, and a release build of server and agent, over loopback.

Milliseconds until a picture is there. The recording is of 1080p at 25 frames a second, 4 Mbit/s, groups of two seconds; the
live camera is one of the wall's. *Cold*: the server was just started, with no decoder running. A preview includes the 80 ms for
which the pointer has to rest.

| | median | worst | of | aim |
| --- | ---: | ---: | ---: | ---: |
{row("First picture of a recorded moment, in a browser that was just started", "first")}
{row("The same, once the player is loaded", "recorded")}
{row("First picture of live video", "live")}
{row("Preview while hovering over the timeline, cold", "cold", "400")}
{row("The same, warm, of a moment that was not shown before", "warm", "150")}

A wall of sixteen live cameras of 640 × 360 at 25 frames a second, for 30 s, by turns with a page of sixteen plain hls.js players
of the same cameras; medians of {len(measured["ours"])}. Processor seconds for each second of the browser, all its processes together, and of the server:

| | browser | server | frames a second, least of all cameras | median |
| --- | ---: | ---: | ---: | ---: |
{wall("Sixteen plain hls.js players", "plain")}
{wall("The console's wall", "ours")}

The wall's browser takes {ratio:.2f} times what the plain players' takes.
"""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--page", type=pathlib.Path, required=True, help="the page to write")
    parser.add_argument("--figures", type=pathlib.Path, help="where to keep what was measured, as JSON")
    options = parser.parse_args()
    measured = measure()
    if options.figures:
        options.figures.write_text(json.dumps(measured))
    text = page(measured)
    options.page.write_text(text)
    print(text)
