"""Cameras added by a list: `vigie cameras add` against a real server, hub and cameras."""

import json
import subprocess

import pytest

import media
from processes import VIGIE, clean_environment, free_port
from signing import own_operation
from streams import create_camera_secret, create_stream, wait_for_fragments
from test_access_keys import allow, create_key, policy
from waiting import eventually

PASSWORD = 'p@ss/w0rd,"1"'
EVERYTHING = allow("*", "*")


@pytest.fixture
def hub(own_site):
    """A server, a hub that has called, and a camera with a password of special characters."""
    own_site.camera = own_site.vigie_camera(media.h264_mp4(), user="admin", password=PASSWORD, mounts=3)
    own_site.agent().start()
    eventually(lambda: own_operation(own_site.server, "/listHubs")["Hubs"], 20, "the hub has called")
    return own_site


def add(site, text, *options, expect=0, key=None):
    """Runs the command with this list; what it says."""
    path = site.folder / "cameras.csv"
    path.write_text(text)
    if key:
        environment = clean_environment(AWS_ACCESS_KEY_ID=key[0], AWS_SECRET_ACCESS_KEY=key[1])
    else:
        environment = clean_environment(AWS_SHARED_CREDENTIALS_FILE=str(site.server.credentials_path))
    hub = site.agent().hub_device_arn
    command = [VIGIE, "cameras", "add", path, "--hub-device-arn", hub, "--endpoint-url", site.server.url, *options]
    done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, timeout=90)
    assert done.returncode == expect, f"{done.returncode}: {done.stdout}{done.stderr}"
    assert PASSWORD not in done.stdout + done.stderr and "w0rd" not in done.stdout + done.stderr
    return done.stdout + done.stderr


def quoted(field):
    return '"' + field.replace('"', '""') + '"'


def streams(site):
    return sorted(info["StreamName"] for info in site.server.client("kinesisvideo").list_streams()["StreamInfoList"])


def secrets(site):
    return sorted(secret["Name"] for secret in site.server.client("secretsmanager").list_secrets()["SecretList"])


def test_a_list_with_a_wrong_password_is_finished_by_the_corrected_one(hub):
    login = f"admin,{quoted(PASSWORD)}"
    text = f"Address,Name,User,Password\n{hub.camera}/cam0,gate,{login}\n\n{hub.camera}/cam1,yard,admin,{{}}\n"
    said = add(hub, text.format("wrong"), expect=1)
    assert "line 2: gate: added." in said
    assert "line 4: yard: not added." in said and "password" in said.lower()
    assert (streams(hub), secrets(hub)) == (["gate"], ["gate-camera"])
    said = add(hub, text.format(quoted(PASSWORD)))
    assert "line 2: gate: is there already" in said and "line 4: yard: added." in said
    assert (streams(hub), secrets(hub)) == (["gate", "yard"], ["gate-camera", "yard-camera"])
    for stream in ("gate", "yard"):
        wait_for_fragments(hub.server, stream, 1)
    kinesisvideo = hub.server.client("kinesisvideo")
    assert kinesisvideo.describe_stream(StreamName="yard")["StreamInfo"]["DataRetentionInHours"] == 168
    assert add(hub, text.format(quoted(PASSWORD))).count("is there already") == 2


def test_of_a_list_with_a_fault_nothing_is_made_and_each_fault_is_said_by_its_line(own_site):
    create_stream(own_site.server, "taken")
    text = (
        "name,address,user,password\n"
        "gate,10.0.0.1,admin,w0rd\n"
        "front door,10.0.0.2,,\n"
        "yard,http://10.0.0.3,,\n"
        '"gate",10.0.0.4,,\n'
        ",10.0.0.5,,\n"
        "shed,,,\n"
    )
    said = add(own_site, text, "--untested", expect=1)
    assert said.splitlines() == [
        "vigie: nothing was added, for of the list",
        "line 3: front door: Letters, digits, and _ . - only; 256 at most.",
        "line 4: yard: rtsp:// for a camera, rtsps:// over TLS, rtspu:// over UDP, or the address alone.",
        "line 5: gate: There is a stream of this name.",
        "line 6: : Give the camera a name.",
        "line 7: shed: Give the camera's address.",
    ]
    create_camera_secret(own_site.server, "roof-camera", "rtsp://10.0.0.9")
    said = add(own_site, "gate,10.0.0.1\ntaken,10.0.0.2\nroof,10.0.0.3\n", "--untested", expect=1)
    assert "line 2: taken: There is a stream of this name." in said
    assert "line 3: roof: There is a secret roof-camera already." in said
    assert (streams(own_site), secrets(own_site)) == (["taken"], ["roof-camera"])


@pytest.mark.parametrize("call", ["CreateStream", "StartEdgeConfigurationUpdate"])
def test_a_call_that_fails_ends_it_says_what_was_made_and_the_same_list_goes_on(own_site, call):
    yard = {"Effect": "Deny", "Action": f"kinesisvideo:{call}", "Resource": "arn:aws:kinesisvideo:*:*:stream/yard/*"}
    key = create_key(own_site, policy(EVERYTHING, yard))
    text = "gate,10.0.0.1,admin,w0rd\nyard,10.0.0.2,admin,w0rd\nshed,10.0.0.3,admin,w0rd\n"
    said = add(own_site, text, "--untested", "--retention-hours", 48, expect=1, key=key)
    assert "line 1: gate: added." in said
    assert f"cannot add yard (line 2): {call}: the service refused with status 403, " in said
    assert "added before it: gate. Give the list again" in said and "shed" not in said
    assert "shed" not in streams(own_site)
    # The password was another one, too.
    said = add(own_site, text.replace("10.0.0.2,admin,w0rd", "10.0.0.2,admin,n3w"), "--untested", "--retention-hours", 48)
    assert "line 1: gate: is there already" in said
    assert "line 2: yard: added." in said and "line 3: shed: added." in said
    assert streams(own_site) == ["gate", "shed", "yard"]
    secret = own_site.server.client("secretsmanager").get_secret_value(SecretId="yard-camera")["SecretString"]
    assert json.loads(secret) == {"MediaURI": "rtsp://admin:n3w@10.0.0.2"}
    kinesisvideo = own_site.server.client("kinesisvideo")
    assert kinesisvideo.describe_stream(StreamName="yard")["StreamInfo"]["DataRetentionInHours"] == 48
    edge = kinesisvideo.describe_edge_configuration(StreamName="yard")["EdgeConfig"]
    assert edge["HubDeviceArn"].endswith(":thing/hub") and edge["DeletionConfig"]["DeleteAfterUpload"]


def test_a_server_that_is_not_there_a_hub_that_is_none_and_a_file_that_is_no_list_say_so(own_site):
    said = add(own_site, "gate,10.0.0.1\n", expect=1)
    assert "cannot add gate (line 1): TestCamera: " in said and "none was added" in said
    assert streams(own_site) == []
    assert "has no cameras" in add(own_site, "name,address\n", expect=2)
    nowhere = ("--secrets-endpoint-url", f"http://127.0.0.1:{free_port()}")
    assert "the service cannot be reached" in add(own_site, "gate,10.0.0.1\n", "--untested", *nowhere, expect=1)
    assert "--insecure-http" in add(own_site, "gate,10.0.0.1\n", "--secrets-endpoint-url", "http://10.0.0.1", expect=2)
