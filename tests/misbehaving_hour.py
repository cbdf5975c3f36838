"""Many cameras on one hub, of which some misbehave by turns: the others lose nothing.

Each healthy camera numbers its pictures. At the end all of them stop, and what each has had is compared with what the hub's
media files hold: every picture once, in order, byte for byte, from one session, and no gap told. Besides the agent's memory
is looked at. `scripts/soak misbehaving-hour` takes an hour; tests/test_misbehaving_cameras.py takes seconds.
"""

import argparse
import collections
import contextlib
import dataclasses
import datetime
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

import camera_crowd
import elementary
import matroska
import machine
import media
import processes
from scripted_camera import access_units
from streams import NEVER, agent_status, configure
from waiting import eventually

# A process of Python keeps the pace of so many cameras.
HEALTHY_PER_PROCESS = 28
# The agent takes what is still on its way, and does not yet take the cameras for dead (10 s).
LAST_PICTURES_WITHIN_SECONDS = 8
# What a hostile camera may cost the hub: the largest picture that is put together (8 MiB), once more while it is written,
# and its buffers.
COST_OF_ONE_MIB = 20


@dataclasses.dataclass
class Healthy:
    name: str
    sent: int
    stored: int
    wrong: list  # what is missing, doubled or damaged, in words
    sessions: int
    gaps: list


@dataclasses.dataclass
class Figures:
    seconds: float
    healthy: list
    misbehaving: dict  # name -> frames recorded of it
    turns: collections.Counter
    connections: int  # of those that misbehave
    rss_mib: tuple  # while all record, and the greatest behind that
    processor_seconds: float
    statuses: collections.Counter  # of those that misbehave, looked at by turns

    def faults(self):
        """Everything that is not as it has to be, in words."""
        found = [f"{one.name}: {wrong}" for one in self.healthy for wrong in one.wrong[:5]]
        found += [f"{one.name}: {one.sessions} sessions" for one in self.healthy if one.sessions != 1]
        found += [f"{one.name}: told {one.gaps}" for one in self.healthy if one.gaps]
        bound = self.rss_mib[0] + COST_OF_ONE_MIB * len(self.misbehaving)
        if self.rss_mib[1] > bound:
            found.append(f"the agent's memory grew from {self.rss_mib[0]:.0f} to {self.rss_mib[1]:.0f} MiB, beyond {bound:.0f}")
        found += [f"{name} was never recorded" for name, frames in self.misbehaving.items() if not frames]
        return found


def agent_memory_mib(agent, field="VmRSS"):
    text = pathlib.Path(f"/proc/{agent.process.pid}/status").read_text()
    return int(re.search(rf"^{field}:\s+(\d+) kB", text, re.M).group(1)) / 1024


def processor_seconds(agent):
    fields = pathlib.Path(f"/proc/{agent.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def frames_recorded(agent):
    status, text = processes.http_get(f"{agent.url}/metrics")
    assert status == 200, text  # too busy to say it just now
    found = re.findall(r'vigie_agent_frames_total\{stream="([\w-]+)"\} ([\d.e+]+)', text)
    return {name: int(float(count)) for name, count in found}


def events(log):
    return [json.loads(line) for line in log.read_text().splitlines()]


def start_cameras(site, seed, turn_seconds, healthy, misbehaving):
    """Starts the crowd; returns its processes, its log, and each camera's port."""
    folder, log = media.scripted_camera_folder(), site.folder / "crowd.log"
    groups = [["--healthy", *healthy[at : at + HEALTHY_PER_PROCESS]] for at in range(0, len(healthy), HEALTHY_PER_PROCESS)]
    groups.append(["--misbehaving", *misbehaving])
    program = processes.REPOSITORY / "tests" / "camera_crowd.py"
    running, ports = [], {}
    for number, group in enumerate(groups):
        path = site.folder / f"ports.{number}"
        command = [sys.executable, program, folder, log, "--ports", path, "--seed", seed, "--turn-seconds", turn_seconds]
        running.append(site.run(f"crowd-{number}", [*command, *group]))
        eventually(path.exists, 30, "the cameras listen")
        ports |= json.loads(path.read_text())
    return running, log, ports


def run(site, seconds, healthy_count, misbehaving_count, turn_seconds, seed):
    """Runs it on a site whose server is started; returns the figures."""
    healthy = [f"healthy-{number:02}" for number in range(healthy_count)]
    misbehaving = [f"misbehaving-{number:02}" for number in range(misbehaving_count)]
    crowd, log, ports = start_cameras(site, seed, turn_seconds, healthy, misbehaving)
    agent = site.agent()
    agent.start()
    for name in [*healthy, *misbehaving]:
        configure(site.server, agent, name, f"rtsp://viewer:secret1@127.0.0.1:{ports[name]}/live", upload=NEVER)
    eventually(lambda: all(frames_recorded(agent).get(name, 0) > 50 for name in healthy), 60, "all healthy cameras record")
    begun, rss_first, rss_most, statuses = time.monotonic(), agent_memory_mib(agent), 0.0, collections.Counter()
    while (left := begun + seconds - time.monotonic()) > 0:
        time.sleep(min(left, 1.0))
        rss_most = max(rss_most, agent_memory_mib(agent))
        asked = misbehaving[int(time.monotonic()) % len(misbehaving)]
        statuses[agent_status(site.server, asked)[0].get("JobStatusDetails", "")] += 1
        assert all(process.exit_code() is None for process in [*crowd, agent.process]), "a program ended"
    for process in crowd[:-1]:
        process.signal(signal.SIGUSR1)

    def totals():
        return {event["name"]: event["pictures"] for event in events(log) if event["event"] == "stopped"}

    eventually(lambda: len(totals()) == len(healthy), 5, "all healthy cameras have stopped", interval_seconds=0.05)
    sent = totals()
    with contextlib.suppress(AssertionError):  # what is missing is said below, by its number
        eventually(
            lambda: all(frames_recorded(agent).get(name, 0) >= sent[name] for name in healthy),
            LAST_PICTURES_WITHIN_SECONDS,
            "the last pictures are recorded",
        )
    frames = eventually(lambda: frames_recorded(agent), 30, "the agent says what it recorded")
    used = processor_seconds(agent)
    assert agent.process.stop() == 0
    logged = events(log)
    sessions = {event["name"]: event["connections"] for event in logged if event["event"] == "stopped"}
    return Figures(
        seconds=seconds,
        healthy=[compared(agent, name, sent[name], sessions[name]) for name in healthy],
        misbehaving={name: frames.get(name, 0) for name in misbehaving},
        turns=collections.Counter(event["behaviour"] for event in logged if event["event"] == "turn"),
        connections=sum(event["event"] == "opened" and event["behaviour"] != "Numbered" for event in logged),
        rss_mib=(rss_first, max(rss_most, rss_first)),
        processor_seconds=used,
        statuses=statuses,
    )


def compared(agent, name, sent, sessions):
    """What a camera has had beside what the hub has of it."""
    expected = access_units(media.scripted_camera_folder() / "h264.264")
    coded = [b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals if 1 <= nal[0] & 31 <= 5) for nals in expected]
    wrong, stored, next_number, times = [], 0, 0, []
    for path in (path for path in agent.media_files() if path.parent.name.startswith(f"{name}.")):
        for document in matroska.documents(path.read_bytes()):
            for frame in document.frames():
                stored += 1
                number = said_number(frame.data, name)
                if number != next_number:
                    wrong.append(f"picture {number} comes where {next_number} should")
                elif elementary.vcl_nal_units(document.tracks[frame.track], frame.data) != coded[number % len(coded)]:
                    wrong.append(f"picture {number} is damaged")
                next_number = -1 if number is None else number + 1
                times.append(frame.timestamp_ms)
    if next_number != sent:
        wrong.append(f"pictures {next_number} to {sent - 1} are missing")
    if any(later <= earlier for earlier, later in zip(times, times[1:], strict=False)):
        wrong.append("times do not rise")
    command = [processes.VIGIE, "agent", "status", "--data-dir", agent.data_dir, "--json"]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout)
    gaps = next(stream["Gaps"] for stream in told["Streams"] if stream["StreamName"] == name)
    inside = [gap for gap in gaps if times and lies_within(gap, times)]
    return Healthy(name, sent, stored, wrong, sessions, inside)


def lies_within(gap, times):
    """Whether a gap lies between the first picture and the last. Those before and behind them are true."""
    begins_ms = datetime.datetime.fromisoformat(gap["StartTimestamp"]).timestamp() * 1000
    ends = gap.get("EndTimestamp")
    ends_ms = datetime.datetime.fromisoformat(ends).timestamp() * 1000 if ends else float("inf")
    return begins_ms < times[-1] and ends_ms > times[0] + 1


def said_number(data, name):
    """The number in a stored picture's SEI; None where it is none of this camera's."""
    found = re.search(re.escape(camera_crowd.SEI_OWNER + name.encode()) + rb":(\d+)\x80", data)
    return int(found.group(1)) if found else None


def page(figures, options):
    pictures = sum(one.sent for one in figures.healthy)
    faults = figures.faults()
    count = len(figures.healthy) + len(figures.misbehaving)
    verdict = "None of those lost a picture." if not faults else "\n".join(f"- {fault}" for fault in faults)
    turns = ", ".join(f"{name} {times}" for name, times in sorted(figures.turns.items()))
    return f"""# Cameras beside others that misbehave

{machine.measured_on()}.
Cameras, server and agent share them.

{count} cameras over RTSP (TCP) for {figures.seconds / 60:.0f} minutes, {len(figures.misbehaving)} of which are something else every {options.turn_seconds:g} s, by seed {options.seed}: each of
the deviations of docs/cameras.md that the tests know, what falls silent, breaks off, floods, never ends, or is no camera at
all. The other {len(figures.healthy)} number their pictures, 25 a second; at the end the hub's media files were compared with what was sent.

{verdict}

| | |
| --- | ---: |
| pictures of the healthy cameras | {pictures} |
| of these stored once, in order, byte for byte | {pictures if not faults else sum(one.stored for one in figures.healthy)} |
| sessions of each healthy camera | {max(one.sessions for one in figures.healthy)} |
| gaps told of them | {sum(len(one.gaps) for one in figures.healthy)} |
| turns of those that misbehave | {sum(figures.turns.values())} |
| pictures recorded of them all the same | {sum(figures.misbehaving.values())} |
| agent's memory (RSS) when all recorded, MiB | {figures.rss_mib[0]:.1f} |
| agent's memory at most, MiB | {figures.rss_mib[1]:.1f} |
| agent's processor time, % of a core | {100 * figures.processor_seconds / figures.seconds:.1f} |

Turns: {turns}.
"""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--page", type=pathlib.Path, required=True, help="the page to write")
    parser.add_argument("--folder", type=pathlib.Path, help="where the hub's media lies meanwhile: 140 MB a minute")
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--healthy", type=int, default=56)
    parser.add_argument("--misbehaving", type=int, default=8)
    parser.add_argument("--turn-seconds", type=float, default=30)
    parser.add_argument("--seed", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder, processes.Site(folder) as site:
        site.server.start()
        measured = run(site, options.seconds, options.healthy, options.misbehaving, options.turn_seconds, options.seed)
    text = page(measured, options)
    options.page.write_text(text)
    print(text)
    print(f"what was said of those that misbehave: {measured.statuses}", file=sys.stderr)
    sys.exit(bool(measured.faults()))
