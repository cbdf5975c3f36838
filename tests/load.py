"""Many who keep a server busy for a long time: producers that send slowly, connections that say nothing, and players.

Looks at the server's memory and descriptors from a while after all are there until the end, and counts everything that goes wrong.
`scripts/soak load` takes ten minutes; tests/test_load.py takes seconds.
"""

import argparse
import asyncio
import collections
import dataclasses
import json
import os
import pathlib
import re
import resource
import sys
import tempfile
import time
import urllib.parse

import machine
import media
import processes
import producer
import put_media

# One fragment of a producer, and in how many pieces it comes.
FRAGMENT_SECONDS, PIECES = 4, 8
# A player asks for its playlist so often, and for the newest segment.
POLL_SECONDS = 2
# Memory and descriptors may be so much more in the end than when all were there.
GROWTH_MAX = 0.15


@dataclasses.dataclass(frozen=True)
class Crowd:
    producers: int
    idle: int
    players: int


@dataclasses.dataclass
class Figures:
    seconds: float
    persisted: int = 0
    playlists: int = 0
    segments: int = 0
    idle_reopened: int = 0
    errors: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    # (seconds since the warm-up, MiB, descriptors)
    samples: list = dataclasses.field(default_factory=list)
    warnings: collections.Counter = dataclasses.field(default_factory=collections.Counter)

    def at(self, share):
        """Memory and descriptors around a point of the time: medians, for single samples swing."""
        count = max(3, len(self.samples) // 20)
        middle = min(max(round(share * len(self.samples)), count // 2 + 1), len(self.samples) - count // 2 - 1)
        around = self.samples[max(0, middle - count // 2) : middle + count // 2 + 1]
        return tuple(sorted(one[part] for one in around)[len(around) // 2] for part in (1, 2))

    def faults(self):
        """Everything that is not as it has to be, in words."""
        found = [f"{count} times: {what}" for what, count in self.errors.most_common()]
        (rss_begin, files_begin), (rss_end, files_end) = self.at(0), self.at(1)
        if rss_end > rss_begin * (1 + GROWTH_MAX):
            found.append(f"memory grew from {rss_begin:.1f} to {rss_end:.1f} MiB")
        if abs(files_end - files_begin) > files_begin * GROWTH_MAX:
            found.append(f"open descriptors went from {files_begin} to {files_end}")
        return found


def raise_open_files():
    """As far as it may be."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def memory_mib(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^VmRSS:\s+(\d+) kB", text, re.M).group(1)) / 1024


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class Load:
    def __init__(self, server, crowd, figures):
        self.server, self.crowd, self.figures = server, crowd, figures
        self.host, self.port = urllib.parse.urlsplit(server.url).hostname, server.port
        self.source = producer.media(media.low_rate_mp4(), key_frames=FRAGMENT_SECONDS)
        self.streams = [f"load-{number:03}" for number in range(crowd.producers)]
        self.ended, self.sessions = asyncio.Event(), []

    def create_streams(self):
        client = self.server.client("kinesisvideo")
        for stream in self.streams:
            client.create_stream(StreamName=stream, DataRetentionInHours=24)

    def failed(self, what, failure):
        if not self.ended.is_set():
            self.figures.errors[f"{what}: {type(failure).__name__} {failure}"[:200]] += 1

    async def until_ended(self, what, each):
        """Runs one of the crowd, which never ends by itself."""
        try:
            await each
            raise ConnectionError("it ended")
        except (OSError, AssertionError, ValueError, IndexError, asyncio.IncompleteReadError) as failure:
            self.failed(what, failure)

    async def producer(self, stream, begins_after):
        await asyncio.sleep(begins_after)
        reader, writer = await asyncio.open_connection(self.host, self.port)
        writer.write(put_media.signed_head(self.server, stream, producer.headers()))
        status = (await reader.readline()).split()
        assert status[1] == b"200", status
        while (await reader.readline()).strip():
            pass
        acknowledged = asyncio.create_task(self.until_ended("a producer's answers", self.acknowledgements(reader)))
        send(writer, self.source.header())
        start_ms = round(time.time() * 1000)
        while True:
            for fragment in self.source.fragments:
                cluster = self.source.cluster(start_ms, fragment)
                size = -(-len(cluster) // PIECES)
                for at in range(0, len(cluster), size):
                    send(writer, cluster[at : at + size])
                    await writer.drain()
                    await asyncio.sleep(fragment.duration_ms / 1000 / PIECES)
                if acknowledged.done():
                    raise ConnectionError("its answer ended")
            start_ms = max(start_ms + self.source.duration_ms, round(time.time() * 1000))

    async def acknowledgements(self, reader):
        while size := int(await reader.readline(), 16):
            for line in (await reader.readexactly(size + 2)).splitlines():
                if line.startswith(b"{"):
                    kind = json.loads(line)["EventType"]
                    self.figures.persisted += kind == "PERSISTED"
                    assert kind != "ERROR", line

    async def idle(self, begins_after):
        """Opens a connection and says nothing; the server may end it, then it comes again."""
        await asyncio.sleep(begins_after)
        while True:
            reader, writer = await asyncio.open_connection(self.host, self.port)
            try:
                await reader.read()
            except ConnectionError:
                pass  # the server ended it so
            writer.close()
            self.figures.idle_reopened += not self.ended.is_set()

    async def player(self, number, stream):
        await asyncio.sleep(POLL_SECONDS * number / max(1, self.crowd.players))
        master = await asyncio.to_thread(self.session_url, stream)
        reader, writer = await asyncio.open_connection(self.host, self.port)
        base = urllib.parse.urlsplit(master)

        async def get(url):
            target = urllib.parse.urljoin(master, url)
            path = urllib.parse.urlsplit(target)
            writer.write(f"GET {path.path}?{path.query} HTTP/1.1\r\nhost: {base.netloc}\r\n\r\n".encode())
            return await answer(reader)

        def uris(playlist):
            return [line for line in playlist.decode().splitlines() if line and not line.startswith("#")]

        (playlist_url,) = uris(await get(master))
        playlist_url, seen = urllib.parse.urljoin(master, playlist_url), None
        while True:
            segments = uris(await get(playlist_url))
            self.figures.playlists += 1
            if segments and segments[-1] != seen:
                seen = segments[-1]
                assert await get(urllib.parse.urljoin(playlist_url, seen)), "an empty segment"
                self.figures.segments += 1
            await asyncio.sleep(POLL_SECONDS)

    def session_url(self, stream):
        return self.client.get_hls_streaming_session_url(StreamName=stream, PlaybackMode="LIVE", Expires=43_200)[
            "HLSStreamingSessionURL"
        ]

    async def run(self, seconds, warm_up_seconds):
        crowd, tasks = self.crowd, []

        def begin(what, each):
            tasks.append(asyncio.create_task(self.until_ended(what, each)))

        for number, stream in enumerate(self.streams):
            begin("a producer", self.producer(stream, FRAGMENT_SECONDS * number / len(self.streams)))
        for number in range(crowd.idle):
            begin("a connection that says nothing", self.idle(5 * number / crowd.idle))
        while self.figures.persisted < 3 * crowd.producers and not self.figures.errors:
            await asyncio.sleep(0.2)
        self.client = self.server.client("kinesis-video-archived-media")
        for number in range(crowd.players):
            begin("a player", self.player(number, self.streams[number % len(self.streams)]))
        await asyncio.sleep(warm_up_seconds)
        begun, pid = time.monotonic(), self.server.process.pid
        while (passed := time.monotonic() - begun) < seconds:
            self.server.process.assert_running()
            self.figures.samples.append((passed, memory_mib(pid), descriptors(pid)))
            await asyncio.sleep(1)
        self.figures.seconds = passed
        # What is said when all of them break off is not looked at.
        lines = self.server.process.log().splitlines()
        said = (re.sub(r"\d+", "N", line)[:160] for line in lines if " WARN " in line or " ERROR " in line)
        self.figures.warnings.update(said)
        self.ended.set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def send(writer, data):
    writer.write(b"%X\r\n" % len(data) + data + b"\r\n")


async def answer(reader):
    """The body of an answer of 200 on a connection that goes on."""
    status = (await reader.readline()).split()
    headers = {}
    while line := (await reader.readline()).strip():
        name, _, value = line.decode().lower().partition(":")
        headers[name] = value.strip()
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
    else:
        body = await reader.readexactly(int(headers["content-length"]))
    assert status[1] == b"200", (status, body[:200])
    return body


def run(site, crowd, seconds, warm_up_seconds):
    """Runs it on a site whose server is started; returns the figures."""
    open_files = raise_open_files()
    wanted = crowd.producers + crowd.idle + crowd.players + 200
    assert open_files >= wanted, f"{open_files} files may be open, {wanted} are wanted: raise the hard limit of open files"
    figures = Figures(seconds)
    load = Load(site.server, crowd, figures)
    load.create_streams()
    asyncio.run(load.run(seconds, warm_up_seconds))
    return figures


def page(figures, crowd, warm_up_seconds):
    faults = "\n".join(f"- {fault}" for fault in figures.faults()) or "Nothing failed, and nothing grew."
    rows = "\n".join(
        f"| {name} | {rss:.1f} | {files} |"
        for name, (rss, files) in ((f"{share:.0%} of the time", figures.at(share)) for share in (0, 0.25, 0.5, 0.75, 1))
    )
    rss_most, files_most = max(one[1] for one in figures.samples), max(one[2] for one in figures.samples)
    said = "\n".join(f"- {count} × `{line}`" for line, count in figures.warnings.most_common(10))
    return f"""# A crowd for ten minutes

{machine.measured_on()}.
Server and crowd share them.

{crowd.producers} producers by PutMedia, each to a stream of its own, a fragment of {FRAGMENT_SECONDS} s in {PIECES} pieces that come at the pace of the media;
{crowd.idle} connections that say nothing, opened again whenever the server ends them; {crowd.players} players of live HLS sessions, each on a
connection of its own, which ask for their playlist each {POLL_SECONDS} s and for each newest segment. Counted from {warm_up_seconds:.0f} s after all were there
(until then threads and caches come into being), for {figures.seconds / 60:.1f} minutes; memory may grow by {GROWTH_MAX:.0%} in that time, and descriptors
may change by as much.

{faults}

| | |
| --- | ---: |
| fragments acknowledged as PERSISTED | {figures.persisted} |
| playlists | {figures.playlists} |
| segments | {figures.segments} |
| connections that said nothing and were ended, and came again | {figures.idle_reopened} |

| the server | memory (RSS), MiB | open descriptors |
| --- | ---: | ---: |
{rows}
| at most | {rss_most:.1f} | {files_most} |

Warnings and errors in its log, the ten most frequent:

{said or "- none"}
"""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--page", type=pathlib.Path, required=True, help="the page to write")
    parser.add_argument("--folder", type=pathlib.Path, help="where the server's media lies meanwhile: 200 MB a minute")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--warm-up-seconds", type=float, default=180)
    parser.add_argument("--producers", type=int, default=500)
    parser.add_argument("--idle", type=int, default=2000)
    parser.add_argument("--players", type=int, default=300)
    options = parser.parse_args()
    wanted = Crowd(options.producers, options.idle, options.players)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder, processes.Site(folder) as site:
        site.server.start()
        measured = run(site, wanted, options.seconds, options.warm_up_seconds)
    text = page(measured, wanted, options.warm_up_seconds)
    options.page.write_text(text)
    print(text, file=sys.stderr)
    sys.exit(bool(measured.faults()))
