"""kill -9 of the server, of the agent and of both, at any moment: while they record, start, delete a stream, are repaired.

Producers note each fragment that the server acknowledges as PERSISTED, with what they sent, and never send one again. In the
end each of these is there once, as it was sent; what the hub uploaded is there once; and where the hub has no media its
ledger says why. `scripts/soak kill-nine` kills 200 times; tests/test_kill_nine.py a few times.
"""

import argparse
import collections
import contextlib
import dataclasses
import datetime
import itertools
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time

import botocore.exceptions

import machine
import media
import processes
import producer
from streams import (
    NEVER,
    configure,
    create_camera_secret,
    create_stream,
    edge_config,
    end_ms,
    fragment_number,
    get_media,
    list_fragments,
    start_ms,
    wait_for_fragments,
)
from waiting import eventually

UPLOADED, KEPT = "uploaded", "kept"
PRODUCERS = ("producer-0", "producer-1")
# What a producer sends: so often a few pictures.
FRAGMENT_SECONDS, PICTURES = 0.1, 3
# A hole in the hub's media that is none: less than what the ledger takes for one, and a picture.
HOLE_MS = 1_100


class NotingProducer:
    """Sends fragments until it is stopped, over a new connection after each end of one; none of them twice."""

    def __init__(self, server, stream, source):
        self.stream, self.persisted, self.sent = stream, {}, {}
        self._server, self._source = server, source
        self._stopped, self._last_ms = threading.Event(), 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stopped.is_set():
            # It was killed, or is not there yet.
            with contextlib.suppress(OSError, ValueError, IndexError):
                self._connection()
            self._stopped.wait(0.05)

    def _connection(self):
        key_frames = self._source.fragments
        with producer.connect(self._server, self.stream) as upload:
            if upload.status != 200:
                return
            try:
                upload.send(self._source.header())
                while not self._stopped.is_set() and upload.ended is None:
                    whole = key_frames[len(self.sent) % len(key_frames)]
                    some = dataclasses.replace(whole, frames=whole.frames[:PICTURES], end_ms=whole.start_ms + 100)
                    at_ms = max(round(time.time() * 1000), self._last_ms + 100)
                    self._last_ms = at_ms
                    self.sent[at_ms] = [frame.data for frame in some.frames]
                    upload.send(self._source.cluster(at_ms - some.start_ms, some))
                    time.sleep(FRAGMENT_SECONDS)
                if self._stopped.is_set():
                    upload.finish()
            finally:
                # What was acknowledged before the end counts, however it ended.
                upload.cut()
                upload.wait_for_end()
                for acknowledgement in upload.of("PERSISTED"):
                    self.persisted[acknowledgement["FragmentNumber"]] = acknowledgement["FragmentTimecode"]

    def stop(self):
        self._stopped.set()
        self._thread.join(60)
        assert not self._thread.is_alive(), f"{self.stream} does not end"


@dataclasses.dataclass
class Figures:
    kills: collections.Counter  # by kind
    seconds: float
    persisted: int = 0
    uploaded: int = 0
    hub_fragments: int = 0
    gaps: int = 0
    ready_seconds: list = dataclasses.field(default_factory=list)
    wrong: list = dataclasses.field(default_factory=list)  # all that is not as it has to be, in words


def vigie(*arguments):
    return [str(part) for part in (processes.VIGIE, *arguments)]


class Run:
    def __init__(self, site, seed):
        self.site, self.server, self.chance = site, site.server, random.Random(seed)
        self.address = site.vigie_camera(media.h264_mp4(), mounts=3)
        self.agent = site.agent()
        self.agent.start()
        configure(self.server, self.agent, UPLOADED, f"rtsp://{self.address}/cam0", deletion={"DeleteAfterUpload": False})
        configure(self.server, self.agent, KEPT, f"rtsp://{self.address}/cam1", upload=NEVER)
        self.third_secret = create_camera_secret(self.server, "passing-camera", f"rtsp://{self.address}/cam2")
        for stream in PRODUCERS:
            create_stream(self.server, stream)
        wait_for_fragments(self.server, UPLOADED, 2)
        self.source = producer.media(media.h264_mp4())
        self.producers = [NotingProducer(self.server, stream, self.source) for stream in PRODUCERS]
        self.ready_seconds, self.seen, self.numbers, self.passing = [], {}, itertools.count(), None

    def pause(self, most):
        time.sleep(self.chance.uniform(0, most))

    def start(self, daemon):
        begun = time.monotonic()
        daemon.start(ready=False)
        daemon.wait_ready()
        self.ready_seconds.append(time.monotonic() - begun)

    # The kinds of kills.

    def kill_server(self):
        self.server.kill()
        self.start(self.server)

    def kill_agent(self):
        self.agent.kill()
        self.start(self.agent)

    def kill_both(self):
        first, second = self.chance.sample([self.server, self.agent], 2)
        first.kill()
        self.pause(0.3)
        second.kill()
        self.start(self.server)
        self.start(self.agent)

    def kill_at_start(self, daemon):
        daemon.kill()
        for _ in range(self.chance.randint(1, 3)):
            daemon.start(ready=False)
            self.pause(0.25)
            daemon.kill()
        self.start(daemon)

    def kill_server_at_start(self):
        self.kill_at_start(self.server)

    def kill_agent_at_start(self):
        self.kill_at_start(self.agent)

    def kill_in_repair(self, daemon):
        daemon.kill()
        command = vigie("store", "repair", "--data-dir", daemon.data_dir, "--yes")
        for number in itertools.count():
            repair = self.site.run(f"repair-{daemon.name}", command)
            if number < 2:
                self.pause(0.3)
                repair.kill()
            else:
                eventually(lambda: repair.exit_code() is not None, 60, "the repair ends", interval_seconds=0.02)  # noqa: B023
                assert repair.exit_code() == 0, repair.log()[-2000:]
                break
        self.start(daemon)

    def kill_server_in_repair(self):
        self.kill_in_repair(self.server)

    def kill_agent_in_repair(self):
        self.kill_in_repair(self.agent)

    def kill_server_in_deletion(self):
        """A stream is deleted while the server is killed: either it is there whole, or it goes and stays away."""
        stream = f"doomed-{next(self.numbers)}"
        create_stream(self.server, stream)
        producer.put_file(self.server, stream, self.source, round(time.time() * 1000) - 60_000)
        client = self.server.client("kinesisvideo")

        def delete():
            with contextlib.suppress(botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError):
                client.delete_stream(StreamARN=client.describe_stream(StreamName=stream)["StreamInfo"]["StreamARN"])

        deleting = threading.Thread(target=delete)
        deleting.start()
        self.pause(0.05)
        self.server.kill()
        deleting.join(60)
        self.start(self.server)
        # Somebody who heard nothing asks again.
        delete()

        def is_gone():
            try:
                client.describe_stream(StreamName=stream)
            except client.exceptions.ResourceNotFoundException:
                return True

        eventually(is_gone, 60, f"{stream} is gone")

    def kill_agent_in_deletion(self):
        """The hub erases a stream while it is killed."""
        stream = f"passing-{next(self.numbers)}"
        create_stream(self.server, stream)
        client = self.server.client("kinesisvideo")
        config = edge_config(self.agent, self.third_secret, upload=NEVER)
        client.start_edge_configuration_update(StreamName=stream, EdgeConfig=config)
        eventually(lambda: self.files_of(stream), 40, f"the hub records {stream}")
        client.delete_edge_configuration(StreamName=stream)
        self.pause(0.1)
        self.agent.kill()
        self.start(self.agent)

        def is_gone():
            try:
                client.describe_edge_configuration(StreamName=stream)
            except client.exceptions.StreamEdgeConfigurationNotFoundException:
                return True

        eventually(is_gone, 60, f"the configuration of {stream} is gone")
        assert not self.files_of(stream), f"{stream} is erased and has media"
        client.delete_stream(StreamARN=client.describe_stream(StreamName=stream)["StreamInfo"]["StreamARN"])

    def files_of(self, stream):
        return [path for path in self.agent.media_files() if path.parent.name.startswith(f"{stream}.")]

    # What must hold.

    def what_was_listed_stays(self):
        """Of each stream, after each kill."""
        for stream in (UPLOADED, *PRODUCERS):
            listed = {
                one["FragmentNumber"]: (start_ms(one), one["FragmentSizeInBytes"])
                for one in list_fragments(self.server, stream, page=1000)
            }
            before = self.seen.get(stream, {})
            for number, facts in before.items():
                assert listed.get(number) == facts, f"{stream}: fragment {number} was listed and is {listed.get(number)}"
            self.seen[stream] = listed
        for one in self.producers:
            listed = self.seen[one.stream]
            # Acknowledged while it was listed: the next look has it.
            lost = [number for number in list(one.persisted) if number not in listed]
            listed = lost and {f["FragmentNumber"] for f in list_fragments(self.server, one.stream, page=1000)}
            lost = [number for number in lost if number not in listed]
            assert not lost, f"{one.stream}: {lost} were acknowledged and are gone"

    def compare_producers(self, figures):
        for one in self.producers:
            listed = list_fragments(self.server, one.stream, page=1000)
            times = collections.Counter(start_ms(fragment) for fragment in listed)
            by_number = {fragment["FragmentNumber"]: start_ms(fragment) for fragment in listed}
            documents = {fragment_number(document): document for document in get_media(self.server, one.stream, len(listed), 300)}
            figures.persisted += len(one.persisted)
            for number, at_ms in one.persisted.items():
                if by_number.get(number) != at_ms:
                    figures.wrong.append(f"{one.stream}: fragment {number} of {at_ms} is missing")
            for number, at_ms in by_number.items():
                found = [frame.data for frame in documents[number].frames()] if number in documents else None
                if found != one.sent.get(at_ms):
                    figures.wrong.append(f"{one.stream}: fragment {number} of {at_ms} is not what was sent")
            figures.wrong += [f"{one.stream}: {count} fragments of {at_ms}" for at_ms, count in times.items() if count > 1]

    def compare_uploaded(self, figures):
        listed = list_fragments(self.server, UPLOADED, page=1000)
        figures.uploaded = len(listed)
        for earlier, later in itertools.pairwise(listed):
            if start_ms(later) < end_ms(earlier) - 60:
                figures.wrong.append(f"{UPLOADED}: {earlier} and {later} overlap")

    def compare_hub(self, figures):
        """Each hole in the hub's media lies in a gap that its ledger tells of; the agent has ended."""
        command = vigie("agent", "status", "--data-dir", self.agent.data_dir, "--json")
        told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout)
        for stream in (UPLOADED, KEPT):
            of_stream = next(one for one in told["Streams"] if one["StreamName"] == stream)
            gaps = [(epoch_ms(gap["StartTimestamp"]), epoch_ms(gap["EndTimestamp"])) for gap in of_stream["Gaps"]]
            pictures = [
                (frame.timestamp_ms, frame.timestamp_ms + 40)
                for document in self.agent.recorded(stream)
                for frame in document.frames()
            ]
            figures.gaps += len(gaps)
            figures.hub_fragments += sum(len(document.clusters) for document in self.agent.recorded(stream))
            if len(set(pictures)) != len(pictures):
                figures.wrong.append(f"{stream}: the hub has pictures twice")
            begin, end = min(pictures)[0], max(pictures)[1]
            reached = begin
            for since, until in sorted([*pictures, *gaps, (end, end)]):
                if min(since, end) - reached > HOLE_MS:
                    figures.wrong.append(f"{stream}: no media and no gap from {reached:.0f} to {since:.0f}: {gaps[-3:]}")
                reached = max(reached, until)


def epoch_ms(text):
    return datetime.datetime.fromisoformat(text).timestamp() * 1000


KINDS = [
    Run.kill_server,
    Run.kill_agent,
    Run.kill_both,
    Run.kill_server_at_start,
    Run.kill_agent_at_start,
    Run.kill_server_in_repair,
    Run.kill_agent_in_repair,
    Run.kill_server_in_deletion,
    Run.kill_agent_in_deletion,
]


def run(site, cycles, seed):
    """Kills so often on a site whose server is started; returns the figures."""
    begun, kills = time.monotonic(), collections.Counter()
    running = Run(site, seed)
    kinds = [KINDS[number % len(KINDS)] for number in range(cycles)]
    running.chance.shuffle(kinds)
    for number, kind in enumerate(kinds):
        running.pause(1.5)
        try:
            kind(running)
            running.what_was_listed_stays()
        except AssertionError as failure:
            raise AssertionError(f"cycle {number}, {kind.__name__}, seed {seed}: {failure}") from failure
        kills[kind.__name__.removeprefix("kill_").replace("_", " ")] += 1
    for one in running.producers:
        one.stop()
    figures = Figures(kills, 0.0, ready_seconds=running.ready_seconds)
    held = len(list_fragments(site.server, UPLOADED, page=1000))
    wait_for_fragments(site.server, UPLOADED, held + 2)
    running.compare_producers(figures)
    assert running.agent.process.stop() == 0
    running.compare_uploaded(figures)
    running.compare_hub(figures)
    assert site.server.process.stop() == 0
    for daemon in (site.server, running.agent):
        checked = subprocess.run(
            vigie("store", "check", "--data-dir", daemon.data_dir), capture_output=True, text=True, timeout=600
        )
        if checked.returncode:
            figures.wrong.append(f"{daemon.name}: {checked.stdout[-2000:]}{checked.stderr[-500:]}")
    figures.seconds = time.monotonic() - begun
    return figures


def page(figures, options):
    ready = sorted(figures.ready_seconds)
    kinds = "\n".join(f"| killed: {kind} | {count} |" for kind, count in sorted(figures.kills.items()))
    verdict = "\n".join(f"- {wrong}" for wrong in figures.wrong[:50])
    verdict = verdict or "None is missing, none is wrong, none is there twice, and the hub's ledger explains every hole."
    return f"""# kill -9

{machine.measured_on()}.

A server, and a hub that records two cameras, one of which it uploads. Two producers send a few pictures each
{FRAGMENT_SECONDS * 1000:.0f} ms, note what is acknowledged as PERSISTED, and send nothing twice. Meanwhile programs are killed, in an
order by seed {options.seed}: while they work, within 250 ms of their start (up to three times running), in the deletion of a stream
(which must then be gone, with its media), and in `vigie store repair` (twice, then it is let end). After each kill
everything that was listed or acknowledged is looked for; in the end every fragment is read and compared with what was sent.

{verdict}

| | |
| --- | ---: |
{kinds}
| minutes | {figures.seconds / 60:.1f} |
| fragments acknowledged as PERSISTED | {figures.persisted} |
| fragments of the hub at the server | {figures.uploaded} |
| fragments on the hub | {figures.hub_fragments} |
| gaps that its ledger tells of | {figures.gaps} |
| ready after a kill, median, s | {ready[len(ready) // 2]:.2f} |
| ready after a kill, longest, s | {ready[-1]:.2f} |
"""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--page", type=pathlib.Path, required=True, help="the page to write")
    parser.add_argument("--folder", type=pathlib.Path, help="where the media lies meanwhile: 20 MB a minute")
    parser.add_argument("--cycles", type=int, default=200)
    parser.add_argument("--seed", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder, processes.Site(folder) as site:
        site.server.start()
        measured = run(site, options.cycles, options.seed)
    text = page(measured, options)
    options.page.write_text(text)
    print(text, file=sys.stderr)
    sys.exit(bool(measured.wrong))
