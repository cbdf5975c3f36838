"""As a service of systemd: ready, alive and stopping are said, and the units are sound."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess

import pytest

import media
from processes import VIGIE, clean_environment
from streams import configure, list_fragments, wait_for_fragments, wait_in_sync
from waiting import eventually

UNITS = sorted((pathlib.Path(__file__).parent.parent / "packaging" / "systemd").glob("*.service"))


class Notified:
    """What systemd would hear."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(20)

    def next(self):
        return self.socket.recv(4096).decode().strip()

    def until(self, expected):
        heard = [self.next()]
        while heard[-1] != expected:
            heard.append(self.next())
        return heard

    def heard(self):
        """What waits to be read."""
        self.socket.setblocking(False)
        heard = []
        try:
            while True:
                heard.append(self.socket.recv(4096).decode())
        except BlockingIOError:
            return heard
        finally:
            self.socket.settimeout(20)

    def environment(self, **more):
        return dict(NOTIFY_SOCKET=str(self.path), WATCHDOG_USEC="600000", **more)


@pytest.fixture
def notified(tmp_path):
    notified = Notified(tmp_path / "notify")
    yield notified
    notified.socket.close()


def assert_lives(notified):
    assert notified.next() == "READY=1"
    # Three times as often as systemd asks for.
    assert [notified.next() for _ in range(5)] == ["WATCHDOG=1"] * 5


def test_the_agent_says_ready_alive_and_stopping_and_seals_what_is_open(own_site, notified):
    agent = own_site.agent()
    environment = notified.environment(AWS_SHARED_CREDENTIALS_FILE=str(own_site.server.credentials_path))
    super(type(agent), agent).start(
        ["agent", "--hub-device-arn", agent.hub_device_arn, "--endpoint-url", own_site.server.url],
        clean_environment(**environment),
    )
    assert_lives(notified)
    camera = own_site.vigie_camera(media.h264_mp4())
    configure(own_site.server, agent, "sealed", f"rtsp://{camera}/cam0")
    wait_in_sync(own_site.server, "sealed")
    wait_for_fragments(own_site.server, "sealed", 2)
    agent.process.stop()
    # Nobody read what it said meanwhile: it did not wait for that.
    assert set(notified.heard()) <= {"WATCHDOG=1", "STOPPING=1"}
    # Nothing was open any more: the next start has nothing to recover.
    agent.start()
    opened = [line for line in agent.process.log().splitlines() if "media store open" in line]
    assert len(opened) == 2 and opened[1].endswith("recovered=nothing to recover"), opened
    count = len(list_fragments(own_site.server, "sealed"))
    eventually(lambda: len(list_fragments(own_site.server, "sealed")) > count, 40, "it goes on")


def test_the_server_says_ready_alive_and_stopping(own_site, notified):
    server = own_site.server
    server.process.stop()
    super(type(server), server).start(["server"], clean_environment(**notified.environment()))
    assert_lives(notified)
    notified.heard()
    server.process.stop()
    assert set(notified.until("STOPPING=1")) <= {"WATCHDOG=1", "STOPPING=1"}


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_the_units_are_sound_and_hardened(unit, tmp_path):
    analyze = shutil.which("systemd-analyze")
    assert analyze, "systemd-analyze is missing; run scripts/setup"
    # The program is not installed where the unit has it.
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace("/usr/bin/vigie", os.path.abspath(VIGIE)))
    verified = subprocess.run([analyze, "verify", "--man=no", copy], capture_output=True, text=True, timeout=60)
    said = [line for line in verified.stderr.splitlines() if unit.name in line]
    assert said == [], verified.stderr
    secured = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=20", copy], capture_output=True, text=True, timeout=60
    )
    assert secured.returncode == 0, secured.stdout


def test_a_reload_takes_another_bandwidth_and_zone_without_a_restart(own_site, tmp_path):
    agent = own_site.agent()
    config = tmp_path / "vigie.toml"
    config.write_text('[agent]\ntimezone = "UTC"\n')
    agent.more = ["--config", str(config)]
    agent.start()
    config.write_text('[agent]\ntimezone = "Europe/Paris"\nupload_bandwidth_bytes_per_second = 50000\n')
    agent.process.signal(signal.SIGHUP)
    eventually(lambda: "upload_bytes_per_second=50000" in agent.process.log(), 20, "it is taken")
    config.write_text("[agent]\nno such thing\n")
    agent.process.signal(signal.SIGHUP)
    eventually(lambda: "the former one stays" in agent.process.log(), 20, "a broken file is said")
    agent.process.assert_running()
    assert agent.is_ready()
