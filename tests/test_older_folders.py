"""Folders of an older build, with today's programs: read as they are, served, and upgraded by a server that is killed."""

import hashlib
import json
import pathlib
import random
import shutil
import subprocess
import time

import pytest
from processes import VIGIE, Site, http_get
from signing import own_operation
from streams import list_fragments

FOLDERS = pathlib.Path(__file__).resolve().parent / "fixtures" / "folders-8da07d1"
SAYS = json.loads((FOLDERS / "says.json").read_text())
ROUNDS = 12


@pytest.fixture
def empty_site(tmp_path):
    """Nothing runs in it yet."""
    with Site(tmp_path) as site:
        yield site


def take(site, name):
    target = site.folder / name
    shutil.copytree(FOLDERS / name, target)
    for path in [target, *target.rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)
    return target


def tool(*arguments):
    done = subprocess.run([VIGIE, *map(str, arguments)], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_read_as_it_is(folder, says, target):
    assert json.loads(tool("store", "list", "--data-dir", folder, "--json")) == says["list"]
    for stream, checksums in says["exports"].items():
        output = target / f"{stream}.mkv"
        tool("store", "export", "--data-dir", folder, "--stream", stream, "--output", output)
        assert [hashlib.sha256(output.read_bytes()).hexdigest()] == checksums
        output.unlink()
    assert b"agree" in tool("store", "check", "--data-dir", folder)


def assert_serves_the_same(server):
    for name, fragments in SAYS["fragments"].items():
        listed = list_fragments(server, name, start=0.0, end=time.time() + 3600)
        numbers = {one["FragmentNumber"]: one["FragmentSizeInBytes"] for one in listed}
        for one in fragments:
            assert numbers.get(one["FragmentNumber"]) == one["FragmentSizeInBytes"], one
    kinesisvideo, secrets = server.client("kinesisvideo"), server.client("secretsmanager")
    for name, config in SAYS["edge"].items():
        assert kinesisvideo.describe_edge_configuration(StreamName=name)["EdgeConfig"] == config
    for name, text in SAYS["secrets"].items():
        assert secrets.get_secret_value(SecretId=name)["SecretString"] == text
    assert kinesisvideo.list_tags_for_stream(StreamName="gate")["Tags"] == SAYS["tags"]
    for name, gaps in SAYS["gaps"].items():
        found = own_operation(server, "/listMediaGaps", StreamName=name, MaxResults=1000)["Gaps"]
        assert found == gaps
    losses = own_operation(server, "/listMediaLosses", StreamName="attic", MaxResults=1000)["Losses"]
    assert losses == SAYS["losses"]
    viewer = SAYS["keys"]["viewer"]
    allowed = server.client("kinesisvideo", key=(viewer["AccessKeyId"], viewer["SecretAccessKey"]))
    assert allowed.describe_stream(StreamName="gate")["StreamInfo"]["Status"] == "ACTIVE"
    with pytest.raises(allowed.exceptions.ClientError, match="AccessDenied|not authorized"):
        allowed.list_streams()


def test_what_an_older_hub_and_server_hold_is_read_without_being_changed(empty_site):
    for name in ("server", "hub"):
        assert_read_as_it_is(take(empty_site, name), SAYS[name], empty_site.folder)
    status = json.loads(
        tool("agent", "status", "--json", "--data-dir", empty_site.folder / "hub", "--from", "2020-01-01T00:00:00Z")
    )
    assert status == SAYS["status"]


def test_an_older_server_goes_on_with_all_it_had(empty_site):
    server = empty_site.server
    take(empty_site, "server")
    server.start()
    assert server.key() == tuple(SAYS["keys"]["root"])
    assert_serves_the_same(server)
    server.process.stop()
    server.start()
    assert_serves_the_same(server)


def test_a_server_that_is_killed_while_it_upgrades_goes_on_at_the_next_start(empty_site):
    server, chance = empty_site.server, random.Random(13)
    for _ in range(ROUNDS):
        shutil.rmtree(server.data_dir, ignore_errors=True)
        take(empty_site, "server")
        server.start(ready=False)
        time.sleep(chance.uniform(0, 0.12))
        server.kill()
        server.start()
        assert http_get(f"{server.url}/readyz")[0] == 200
        assert_serves_the_same(server)
        server.kill()
