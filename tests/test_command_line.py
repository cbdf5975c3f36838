"""The command line: cron, keys, store, the health pages, and the demonstration."""

import json
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest

import elementary
import matroska
import media
import processes
from processes import VIGIE, clean_environment, free_port, http_get
from streams import configure, get_media, wait_for_fragments
from waiting import eventually

# 2026-11-20T18:00:01Z, a Friday evening.
FRIDAY_EVENING_MS = 1_795_197_601_000


def vigie(*arguments, expect=0):
    """Runs a command to its end; returns its output, or its complaint when `expect` is not 0."""
    done = subprocess.run(
        [VIGIE, *map(str, arguments)], env=clean_environment(), capture_output=True, text=True, timeout=30
    )
    assert done.returncode == expect, f"{done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout if expect == 0 else done.stdout + done.stderr


def test_cron_prints_the_next_fire_times_as_json():
    options = ("--timezone", "Europe/Paris", "--count", 2, "--json")
    monday_8_and_9_ms = [1_795_417_200_000, 1_795_420_800_000]
    for start in (FRIDAY_EVENING_MS, "2026-11-20T18:00:01Z", "2026-11-20T19:00:01+01:00"):
        answer = json.loads(vigie("cron", "0 0 8-18 ? * MON-FRI", "--from", start, *options))
        assert answer == {"valid": True, "fires": monday_8_and_9_ms}


def test_cron_prints_fire_times_for_people_in_the_zone_that_was_asked_for():
    text = vigie("cron", "0 0 8-18 ? * MON-FRI", "--from", FRIDAY_EVENING_MS, "--timezone", "Asia/Tokyo", "--count", 1)
    assert "2026-11-23" in text and "08:00" in text


@pytest.mark.parametrize(
    "expression, position",
    [("0 0 8 * * *", None), ("0 60 8 * * ?", 2), ("0 0 8 ? * FRY", 10), ("every full hour", None)],
)
def test_cron_says_what_is_invalid_and_where(expression, position):
    answer = json.loads(vigie("cron", expression, "--json", expect=1))
    assert answer["valid"] is False and len(answer["error"].split()) >= 2
    assert 0 <= answer["position"] <= len(expression)
    assert position in (None, answer["position"])
    assert answer["error"] in vigie("cron", expression, expect=1)


@pytest.mark.parametrize("expression", ["0 0 0 30 2 ?", "0 0 0 1 1 ? 2020", "0 0 0 31 4,6,9,11 ?"])
def test_cron_says_that_a_schedule_never_fires_again(expression):
    options = ("--from", FRIDAY_EVENING_MS, "--timezone", "UTC")
    assert json.loads(vigie("cron", expression, "--json", *options, expect=1)) == {"valid": True, "fires": []}
    assert "never fires from then on" in vigie("cron", expression, *options, expect=1)


@pytest.mark.parametrize(
    "arguments",
    [
        ("cron",),
        ("cron", "0 * * * * ?", "--from", "yesterday"),
        ("cron", "0 * * * * ?", "--timezone", "Middle/Earth"),
        ("cron", "0 * * * * ?", "--count", "many"),
        ("server", "--listen", "nowhere"),
        ("agent",),
        ("no-such-command",),
    ],
    ids=lambda arguments: " ".join(arguments),
)
def test_wrong_usage_exits_with_2(arguments):
    assert vigie(*arguments, expect=2)


def test_what_cannot_be_done_exits_with_1(tmp_path):
    assert "media" in vigie("camera", "--media", tmp_path / "absent.mp4", "--listen", "127.0.0.1:0", expect=1).lower()
    (tmp_path / "file").write_text("")
    server = ("server", "--listen", f"127.0.0.1:{free_port()}", "--data-dir")
    assert vigie(*server, tmp_path / "file" / "data", expect=1)
    assert vigie("keys", "list", "--data-dir", tmp_path / "nothing-here", expect=1)
    assert vigie("store", "list", "--data-dir", tmp_path / "nothing-here", expect=1)
    assert not (tmp_path / "nothing-here").exists(), "looking made a folder"


def test_the_version_is_printed():
    assert re.fullmatch(r"vigie \d+\.\d+\.\d+\S*\n", vigie("--version"))


@pytest.fixture(scope="module")
def recorded(site):
    """A server and a hub with a little media on both."""
    address = site.vigie_camera(media.h264_mp4())
    site.hub = site.agent()
    site.hub.start()
    configure(site.server, site.hub, "lobby", f"rtsp://{address}/cam0", deletion={"DeleteAfterUpload": False})
    site.listed = wait_for_fragments(site.server, "lobby", 3)
    return site


def test_the_credentials_file_is_only_for_its_owner(recorded):
    assert recorded.server.credentials_path.stat().st_mode & 0o777 == 0o600


def test_keys_list_shows_the_root_key_and_never_its_secret(recorded):
    key_id, secret = recorded.server.key()
    as_json = vigie("keys", "list", "--data-dir", recorded.server.data_dir, "--json")
    for_people = vigie("keys", "list", "--data-dir", recorded.server.data_dir)
    assert key_id in json.dumps(json.loads(as_json)) and key_id in for_people
    assert secret not in as_json and secret not in for_people


@pytest.mark.parametrize("side", ["server", "hub"])
def test_store_list_shows_the_media_of_a_running_server_or_hub(recorded, side):
    folder = getattr(recorded, side).data_dir
    as_json = vigie("store", "list", "--data-dir", folder, "--json")
    assert json.loads(as_json) and "lobby" in as_json
    assert "lobby" in vigie("store", "list", "--data-dir", folder)


@pytest.mark.parametrize("side", ["server", "hub"])
def test_health_readiness_and_metrics_are_served(recorded, side):
    url = getattr(recorded, side).url
    assert http_get(f"{url}/healthz")[0] == 200
    assert http_get(f"{url}/readyz")[0] == 200
    status, text = http_get(f"{url}/metrics")
    assert status == 200
    samples = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, value = re.fullmatch(r"([a-zA-Z_:][\w:]*(?:\{.*\})?) (\S+)(?: \S+)?", line).groups()
            samples[name] = float(value)
    assert any(name.startswith("vigie_") for name in samples), text
    counted = [name for name, value in samples.items() if "fragment" in name and value >= len(recorded.listed) - 1]
    assert counted, f"no metric counts the fragments: {sorted(samples)}"


@pytest.mark.parametrize("with_signal", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_server_agent_and_camera_stop_cleanly(own_site, with_signal):
    address = own_site.vigie_camera(media.h264_mp4())
    camera = own_site.processes[-1]
    agent = own_site.agent()
    agent.start()
    configure(own_site.server, agent, "lobby", f"rtsp://{address}/cam0")
    before = wait_for_fragments(own_site.server, "lobby", 2)
    for process in (agent.process, camera, own_site.server.process):
        assert process.stop(with_signal, deadline_seconds=15) == 0, process.log()[-2000:]
    own_site.server.start()
    # What was recorded up to the clean stop is on server and hub together; the server alone lost nothing.
    assert len(wait_for_fragments(own_site.server, "lobby", len(before))) >= len(before)


def children_of(pid):
    """The processes below `pid`."""
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(child) for child in task.read_text().split()]
    return found


def test_the_demonstration_shows_media_within_ten_seconds_and_ends_with_ctrl_c(tmp_path):
    began = time.monotonic()
    with processes.Site(tmp_path) as site:
        # Its server is where the site's own would be: same port, same way to the key.
        server = site.server
        demo = site.run(
            "demo", [VIGIE, "demo", "--listen", f"127.0.0.1:{server.port}", "--data-dir", tmp_path / "demo"]
        )

        def credentials():
            demo.assert_running()
            found = list((tmp_path / "demo").rglob("credentials"))
            return found and found[0].stat().st_size and found[0]

        server.data_dir = eventually(credentials, 10, "the demonstration has a key", interval_seconds=0.05).parent

        def readable():
            infos = server.client("kinesisvideo").list_streams()["StreamInfoList"]
            return get_media(server, infos[0]["StreamName"], count=1)[0] if infos else None

        def tried():
            demo.assert_running()
            try:
                return readable()
            except Exception as error:  # not there yet, in any way
                raise AssertionError(repr(error)) from error

        document = eventually(tried, 10 - (time.monotonic() - began), "recorded and uploaded media can be read")
        assert elementary.comparable(document, "video")

        # It looks for the media itself, and may see it a moment later than we did.
        eventually(lambda: "Ctrl-C stops it" in demo.log(), 10 - (time.monotonic() - began), "it says how to go on")
        text = demo.log()
        assert f"http://127.0.0.1:{server.port}" in text and str(server.credentials_path) in text
        commands = [line for line in text.splitlines() if "aws " in line and "--endpoint-url" in line]
        assert len(commands) >= 3, text
        below = children_of(demo.pid)
        assert demo.stop(signal.SIGINT, deadline_seconds=15) == 0, demo.log()[-2000:]
        assert not [pid for pid in below if os.path.exists(f"/proc/{pid}")], "a child outlived the demonstration"


def test_the_demonstration_goes_on_with_its_folder_when_it_is_started_again(tmp_path):
    with processes.Site(tmp_path) as site:
        server = site.server
        server.data_dir = tmp_path / "demo" / "server"
        command = [VIGIE, "demo", "--listen", f"127.0.0.1:{server.port}", "--data-dir", tmp_path / "demo"]
        before = []
        for name in ("first", "second"):
            demo = site.run(name, command)
            eventually(lambda: "export " in demo.log(), 15, "the demonstration runs")  # noqa: B023
            known = {fragment["FragmentNumber"] for fragment in before}
            before = wait_for_fragments(server, "demo", len(before) + 2)
            assert known <= {fragment["FragmentNumber"] for fragment in before}
            assert demo.stop(signal.SIGINT, deadline_seconds=15) == 0, demo.log()[-2000:]


def test_the_commands_that_the_demonstration_prints_work_as_printed(tmp_path):
    with processes.Site(tmp_path) as site:
        listen = f"127.0.0.1:{site.server.port}"
        demo = site.run("demo", [VIGIE, "demo", "--listen", listen, "--data-dir", tmp_path / "demo"])

        def printed():
            demo.assert_running()
            lines = [line.strip() for line in demo.log().splitlines()]
            first = next((number for number, line in enumerate(lines) if line.startswith("export ")), None)
            return first is not None and [
                line for line in lines[first:] if re.match(r"export |(timeout \d+ )?aws ", line)
            ]

        export, *commands = eventually(printed, 15, "the commands are printed")
        assert len(commands) >= 3, commands
        environment = clean_environment(PATH=f"{processes.AWS.parent}:{os.environ['PATH']}")

        def run(command):
            line = ["bash", "-c", f"{export}; {command}"]
            done = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
            # A command that follows the live stream is printed with `timeout`, which ends it with 124.
            wanted = 124 if command.startswith("timeout ") else 0
            assert done.returncode == wanted, f"{command}: {done.returncode} {done.stdout}{done.stderr}"
            return done.stdout or "followed"

        for command in commands:
            assert eventually(lambda: run(command), 30, command)  # noqa: B023
        (path,) = tmp_path.glob("*.mkv")
        fragments, _ = matroska.complete_fragments(path.read_bytes())
        assert elementary.comparable_run(fragments, "video"), "the file that the commands make holds no pictures"
