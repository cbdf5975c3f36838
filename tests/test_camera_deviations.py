"""Cameras that deviate from the standards are recorded: what they send is on the hub, picture by picture, in time, from one
session; and what cannot be recorded is said in a sentence that names the cause.

The pictures are decoded and compared by hash with what the camera played. All cameras run at once, and the same twenty
seconds serve all tests.
"""

import collections
import itertools
import json
import re
import subprocess
import sys

import pytest

import camera_behaviours
import matroska
import media
import processes
from scripted_camera import Camera
from streams import NEVER, agent_status, configure
from waiting import eventually

BEHAVIOURS = sorted(
    name
    for name, value in vars(camera_behaviours).items()
    if isinstance(value, type) and issubclass(value, Camera) and value is not Camera
)
SECONDS = 22
PICTURES = 250

# Every picture is there.
WHOLE = [
    "Plain", "PlainH265", "MarkerEachSlice", "MarkerEachSliceH265", "MarkerNever", "MarkerNeverH265", "MarkerEachPacket",
    "MarkerEachPacketH265", "EachPacketTwice", "OddPackets", "SetupNamesAnotherSsrc", "SessionIdChanges",
    "SetupWithoutInterleaved", "SetupWithoutTransport", "SetupTakesOtherChannels", "SessionTimeoutZero",
    "SessionParametersMore", "UdpWithoutServerPort", "UdpSingleServerPort", "UdpFromAnotherPort", "DigestQopList",
    "DigestSmallMd5", "DigestSha256", "NonceGrowsOld", "LoudspeakerFirst", "SeveralPayloadTypes", "FmtpOfAnotherNumber",
    "FmtpGarbage", "SoundRefused", "SoundGarbage", "SoundG726", "MediaBeforePlayAnswer",
]  # fmt: skip
# Pictures that the camera spoilt are missing.
SPOILT = ["JoinsInsideNal", "GlitchEachTwoSeconds", "GlitchEachTwoSecondsH265", "SsrcChanges"]
STAMPS = ["StampsJumpBack", "StampsJumpForward", "StampsRunFast", "StampsRunSlow", "StampsConstant", "StampsOfMilliseconds"]
RECORDED = [*WHOLE, *SPOILT, *STAMPS, "Redirected"]
WITH_SOUND = ["SessionIdChanges", "LoudspeakerFirst"]

pytestmark = pytest.mark.real_time


class Recorded:
    """What came of all cameras."""

    def __init__(self, site, agent, statuses, log):
        self.site, self.agent, self.statuses = site, agent, statuses
        self.events = collections.defaultdict(list)
        for line in log.read_text().splitlines():
            event = json.loads(line)
            self.events[event["behaviour"]].append(event)

    def count(self, name, kind):
        return sum(event["event"] == kind for event in self.events[name])

    def requests(self, name, method):
        return [event for event in self.events[name] if event.get("method") == method]

    def paths(self, name):
        return [path for path in self.agent.media_files() if path.parent.name.startswith(f"{name}.")]

    def frames(self, name, kind="video"):
        """The stored frames in order, of all documents."""
        documents = [document for path in self.paths(name) for document in matroska.documents(path.read_bytes())]
        return [
            frame
            for document in documents
            for frame in document.frames()
            if document.tracks[frame.track].kind == kind
        ]

    def pictures(self, name):
        """Which of the camera's pictures each decoded one is; None for one that it never sent."""
        behaviour = getattr(camera_behaviours, name)
        source = media.scripted_camera_folder() / f"{behaviour.media}.{'265' if 'h265' in behaviour.media else '264'}"
        numbers = {digest: number for number, digest in enumerate(decoded(source))}
        assert len(numbers) == PICTURES
        return [numbers.get(digest) for path in self.paths(name) for digest in decoded(path)]


def decoded(path):
    """A hash of each decoded picture."""
    command = ["ffmpeg", "-nostdin", "-v", "quiet", "-i", path, "-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5", "-"]
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    return [line.rsplit(",", 1)[1].strip() for line in output.splitlines() if not line.startswith("#")]


@pytest.fixture(scope="module")
def recorded(site):
    folder, log, ports_path = media.scripted_camera_folder(), site.folder / "cameras.log", site.folder / "ports.json"
    program = processes.REPOSITORY / "tests" / "scripted_camera.py"
    # Two processes, so that Python keeps every camera's pace.
    ports = {}
    for number, names in enumerate([BEHAVIOURS[::2], BEHAVIOURS[1::2]]):
        path = ports_path.with_suffix(f".{number}")
        site.run(f"cameras-{number}", [sys.executable, program, folder, log, "--ports", path, *names])
        eventually(path.exists, 20, "the cameras listen")
        ports |= json.loads(path.read_text())
    agent = site.agent()
    agent.start()
    for name in BEHAVIOURS:
        user = "viewer:secret1@" if getattr(camera_behaviours, name).login else ""
        uri = f"rtsp://{user}127.0.0.1:{ports[name]}/live"
        configure(site.server, agent, name, uri, upload=NEVER)
    configure(site.server, agent, "SplitUri", f"rtsp://viewer:12/34@127.0.0.1:{ports['Plain']}/live", upload=NEVER)

    def long_enough():
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        begun = [line["at"] for line in lines if line.get("method") == "PLAY"]
        counts = collections.Counter(line["behaviour"] for line in lines if line.get("method") == "PLAY")
        missing = [name for name in RECORDED if not counts[name]]
        return not missing and max(line["at"] for line in lines) - min(begun) >= 0 and metric_minimum(agent) >= SECONDS * 25

    eventually(long_enough, 120, "all cameras were recorded for long enough", interval_seconds=1)
    statuses = {name: agent_status(site.server, name)[0] for name in [*BEHAVIOURS, "SplitUri"]}
    deviations = processes.http_get(f"{agent.url}/metrics")[1]
    assert agent.process.stop() == 0
    found = Recorded(site, agent, statuses, log)
    found.metrics = deviations
    return found


def metric_minimum(agent):
    """The least number of frames that any recordable camera's stream has."""
    text = processes.http_get(f"{agent.url}/metrics")[1]
    counts = dict(re.findall(r'vigie_agent_frames_total\{stream="(\w+)"\} ([\d.]+)', text))
    return min(float(counts.get(name, 0)) for name in RECORDED if name not in SPOILT)


def runs(numbers):
    """[(first, length)] of what follows one another as the camera played it."""
    found = []
    for number in numbers:
        if found and number is not None and number == (found[-1][0] + found[-1][1]) % PICTURES:
            found[-1][1] += 1
        else:
            found.append([number, 1])
    return found


@pytest.mark.parametrize("name", WHOLE)
def test_every_picture_of_a_deviating_camera_is_recorded_in_one_session(recorded, name):
    numbers = recorded.pictures(name)
    assert None not in numbers, f"{numbers.count(None)} of {len(numbers)} pictures are damaged"
    assert len(runs(numbers)) == 1, runs(numbers)
    assert len(numbers) >= SECONDS * 25 - 25
    assert recorded.count(name, "opened") == 1
    assert recorded.statuses[name]["RecorderStatus"] == "SUCCESS"


@pytest.mark.parametrize("name", WHOLE)
def test_pictures_lie_in_time_as_they_were_sent(recorded, name):
    times = [frame.timestamp_ms for frame in recorded.frames(name)]
    assert all(20 <= later - earlier <= 60 for earlier, later in itertools.pairwise(times))


@pytest.mark.parametrize("name", WITH_SOUND)
def test_the_microphone_is_recorded_whole(recorded, name):
    source = [frame.data for frame in recorded.frames(name, "audio")]
    camera = __import__("scripted_camera").adts_frames(media.scripted_camera_folder() / "aac.aac")
    places = [camera.index(frame) for frame in source]
    assert len(places) > SECONDS * 12
    assert all(later == (earlier + 1) % len(camera) for earlier, later in itertools.pairwise(places))


def test_a_loudspeaker_is_left_alone(recorded):
    assert not [event for event in recorded.requests("LoudspeakerFirst", "SETUP") if "trackID=5" in event["url"]]


@pytest.mark.parametrize("name", SPOILT)
def test_a_bad_packet_costs_pictures_up_to_the_next_key_frame_and_not_the_session(recorded, name):
    numbers = recorded.pictures(name)
    assert recorded.count(name, "opened") == 1
    # Of each fifty pictures five can be spoilt (a glitch at 45), or a group where it begins.
    good = [number for number in numbers if number is not None]
    assert len(good) >= 0.85 * SECONDS * 25
    steps = [(later - earlier) % PICTURES for earlier, later in itertools.pairwise(good)]
    assert all(1 <= step <= 26 for step in steps), steps


def test_packets_that_are_unusable_are_counted(recorded):
    for name, kind in [("EachPacketTwice", "doubled_rtp_packet"), ("OddPackets", "bad_rtp_packet"), ("MarkerEachSlice", "marker")]:
        line = rf'vigie_agent_camera_deviations_total\{{stream="{name}",kind="{kind}"\}} [1-9]'
        assert re.search(line, recorded.metrics), f"no {kind} of {name}"
    assert not re.search(r'camera_deviations_total\{stream="Plain"', recorded.metrics)


@pytest.mark.parametrize("name", STAMPS)
def test_whatever_the_stamps_do_times_rise_and_follow_the_clock(recorded, name):
    numbers = recorded.pictures(name)
    assert None not in numbers and len(runs(numbers)) == 1, runs(numbers)
    assert recorded.count(name, "opened") == 1
    times = [frame.timestamp_ms for frame in recorded.frames(name)]
    assert all(earlier < later for earlier, later in itertools.pairwise(times))
    rate = getattr(camera_behaviours, name).pictures_a_second
    sent_ms = 1000 * (len(times) - 1) / rate
    assert abs(times[-1] - times[0] - sent_ms) <= 500, (times[-1] - times[0], sent_ms)
    # A rate that is off is known within ten seconds (docs/edge.md); from there on pictures are as far apart as they came.
    first = round(10 * rate)
    # But for a picture that the camera itself sent late.
    late_ms = {event["picture"]: event["milliseconds"] for event in recorded.events[name] if event["event"] == "late"}
    for number, (earlier, later) in enumerate(itertools.pairwise(times[first:]), numbers[0] + first + 1):
        assert later - earlier <= 250 + late_ms.get(number, 0), number


def test_a_redirection_is_followed(recorded):
    numbers = recorded.pictures("Redirected")
    assert None not in numbers and len(runs(numbers)) == 1


def test_a_camera_with_one_connection_is_recorded_again_soon_after_it_is_free(recorded):
    opened = [event["at"] for event in recorded.events["OneConnection"] if event["event"] == "opened"]
    closed = [event["at"] for event in recorded.events["OneConnection"] if event["event"] == "closed"]
    plays = [event["at"] for event in recorded.requests("OneConnection", "PLAY")]
    assert len(opened) == 2, (opened, closed)
    # Three seconds until the camera takes one again, and a wait.
    assert 3 <= plays[1] - closed[0] <= 5.5


def test_a_bye_ends_the_session_at_once(recorded):
    plays = [event["at"] for event in recorded.requests("ByeEachThreeSeconds", "PLAY")]
    assert len(plays) >= 3
    assert all(later - earlier <= 3 + 3 for earlier, later in itertools.pairwise(plays)), plays


@pytest.mark.parametrize(
    "name, status, words",
    [
        ("VideoForbidden", "USER_ERROR", ["403", "video"]),
        ("Mjpeg", "USER_ERROR", ["JPEG", "H.264"]),
        ("DigestUnknownAlgorithm", "USER_ERROR", ["authentication", "ROT13"]),
        ("SplitUri", "USER_ERROR", ["percent-encode"]),
    ],
)
def test_what_cannot_be_recorded_is_said_by_its_cause(recorded, name, status, words):
    said = recorded.statuses[name]
    assert said["RecorderStatus"] == status, said
    for word in words:
        assert word.lower() in said["JobStatusDetails"].lower(), f"{word!r} is not in: {said['JobStatusDetails']}"
    assert "user name or password" not in said["JobStatusDetails"]
    assert "12/34" not in said["JobStatusDetails"] and "34@" not in said["JobStatusDetails"]


@pytest.mark.parametrize(
    "name, words",
    [
        ("SoundG726", ["sound", "G726-32"]),
        ("SoundRefused", ["sound", "500"]),
        ("FmtpOfAnotherNumber", ["sound", "AAC"]),
        ("FmtpGarbage", ["sound", "AAC"]),
    ],
)
def test_sound_that_is_left_out_is_named(recorded, name, words):
    said = recorded.statuses[name]["JobStatusDetails"]
    for word in words:
        assert word.lower() in said.lower(), f"{word!r} is not in: {said}"


@pytest.mark.parametrize("name", ["VideoForbidden", "Mjpeg", "DigestUnknownAlgorithm"])
def test_a_camera_that_refuses_is_not_asked_too_often(recorded, name):
    # 20 s: waits of 1, 2, 4 and 8 s, half of each by chance.
    assert recorded.count(name, "opened") <= 8
