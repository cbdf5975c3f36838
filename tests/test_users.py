"""People who sign in with a password: made at the machine, signed in by HTTP, calling with boto3, in a browser."""

import json
import os
import subprocess
import urllib.error
import urllib.request

import pytest

import browsers
import media
from processes import VIGIE, clean_environment
from streams import configure, create_stream, refused, wait_for_fragments
from test_access_keys import ACCOUNT, session_client

PASSWORD = "correct horse"


def vigie_users(*arguments, expect=0, stdin=""):
    done = subprocess.run(
        [VIGIE, "users", *map(str, arguments)],
        input=stdin,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=30,
        start_new_session=True,
    )
    assert done.returncode == expect, f"{done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout if expect == 0 else done.stderr


def create_user(server, name, *options, password=PASSWORD, expect=0):
    options = (*options, "--password-stdin", "--data-dir", server.data_dir)
    return vigie_users("create", name, *options, stdin=f"{password}\n", expect=expect)


def sign_in(server, name, password=PASSWORD):
    body = json.dumps({"UserName": name, "Password": password}).encode()
    request = urllib.request.Request(f"{server.url}/console/sign-in", body, {"content-type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=10) as answer:
        return json.load(answer)


def refused_sign_in(server, name, password=PASSWORD):
    with pytest.raises(urllib.error.HTTPError) as caught:
        sign_in(server, name, password)
    return caught.value.code


def names(kinesisvideo):
    pages = kinesisvideo.get_paginator("list_streams").paginate(PaginationConfig={"PageSize": 1})
    return [info["StreamName"] for page in pages for info in page["StreamInfoList"]]


def test_a_user_made_at_the_machine_calls_with_boto3_until_it_is_signed_out(own_site):
    server = own_site.server
    for stream in ("dock-1", "gate", "vault"):
        create_stream(server, stream)
    server.client("kinesisvideo").tag_stream(StreamName="vault", Tags={"Site": "north"})
    in_folder = ("--data-dir", server.data_dir)
    options = ("--role", "viewer", "--stream", "gate", "--stream", "dock-*")
    assert create_user(server, "guard", *options) == "guard is a viewer of gate, dock-*\n"
    create_user(server, "warden", "--role", "operator", "--tag", "Site=north")

    credentials = sign_in(server, "guard")
    assert credentials["SignedInAs"] == "guard" and credentials["Role"] == "VIEWER"
    kinesisvideo = session_client(own_site, "kinesisvideo", credentials)
    assert names(kinesisvideo) == ["dock-1", "gate"]
    assert kinesisvideo.describe_stream(StreamName="gate")["StreamInfo"]["StreamName"] == "gate"
    arn = session_client(own_site, "sts", credentials).get_caller_identity()["Arn"]
    assert arn == f"arn:aws:iam::{ACCOUNT}:user/guard"
    for stream in ("vault", "not-there"):
        with refused("NotAuthorizedException", 403):
            kinesisvideo.describe_stream(StreamName=stream)
    with refused("AccessDeniedException", 403):
        kinesisvideo.create_stream(StreamName="gate-2")
    with refused("AccessDeniedException", 403):
        session_client(own_site, "secretsmanager", credentials).list_secrets()
    warden = session_client(own_site, "kinesisvideo", sign_in(server, "WARDEN"))
    assert names(warden) == ["vault"]
    with refused("NotAuthorizedException", 403):
        warden.tag_stream(StreamName="gate", Tags={"Site": "north"})

    vigie_users("sign-out", "guard", *in_folder)
    with refused("UnrecognizedClientException", 403):
        kinesisvideo.list_streams()
    vigie_users("update", "guard", "--disable", *in_folder)
    assert refused_sign_in(server, "guard") == 403
    vigie_users("update", "guard", "--enable", "--role", "operator", *in_folder)
    assert sign_in(server, "guard")["Streams"] == "ALL"
    vigie_users("set-password", "guard", "--password-stdin", *in_folder, stdin="another horse")
    assert refused_sign_in(server, "guard") == 403
    sign_in(server, "guard", "another horse")

    listed = json.loads(vigie_users("list", "--json", *in_folder))
    assert [user["UserName"] for user in listed] == ["guard", "warden"]
    assert listed[1]["StreamTag"] == "Site=north" and listed[1]["LastSignInAt"]
    for_people = vigie_users("list", *in_folder)
    assert "streams tagged Site=north" in for_people and "argon2" not in for_people
    assert vigie_users("remove", "guard", *in_folder) == "guard is removed\n"
    assert refused_sign_in(server, "guard", "another horse") == 403

    log = (server.data_dir / "audit.jsonl").read_text()
    local = [json.loads(line) for line in log.splitlines() if f"local:uid/{os.getuid()}" in line]
    actions = [line["action"].removeprefix("kinesisvideo:") for line in local]
    assert actions == ["CreateUser", "CreateUser", "SignOutUser", *["UpdateUser"] * 3, "DeleteUser"]
    assert all(line["resource"].startswith(f"arn:aws:iam::{ACCOUNT}:user/") for line in local)
    for secret in (PASSWORD, "another horse"):
        assert secret not in log + server.process.log()


def test_what_cannot_be_is_refused_and_makes_nobody(own_site, tmp_path):
    server = own_site.server
    check = {
        ("short", "--role", "viewer"): ("123456789", "at least 10 characters"),
        ("a b", "--role", "viewer"): (PASSWORD, "letters, digits"),
        ("boss", "--role", "administrator", "--stream", "gate"): (PASSWORD, "not limited"),
        ("ada", "--role", "viewer", "--tag", "Site"): (PASSWORD, "KEY=VALUE"),
    }
    for (name, *options), (password, reason) in check.items():
        expect = 2 if reason == "KEY=VALUE" else 1
        assert reason in create_user(server, name, *options, password=password, expect=expect)
    # Without a terminal nobody can be asked.
    in_folder = ("--data-dir", server.data_dir)
    assert "--password-stdin" in vigie_users("create", "ada", "--role", "viewer", *in_folder, expect=1)
    create_user(server, "ada", "--role", "viewer")
    assert "a user ADA already" in create_user(server, "ADA", "--role", "viewer", expect=1)
    assert "no user bea" in vigie_users("remove", "bea", *in_folder, expect=1)
    vigie_users("update", "ada", *in_folder, expect=2)
    vigie_users("update", "ada", "--stream", "gate", *in_folder, expect=2)
    assert [user["UserName"] for user in json.loads(vigie_users("list", "--json", *in_folder))] == ["ada"]
    nowhere = tmp_path / "nothing-here"
    assert vigie_users("list", "--data-dir", nowhere, expect=1) and not nowhere.exists()


@pytest.mark.timeout(330)
def test_a_guard_who_may_see_two_streams(own_site):
    server, agent = own_site.server, own_site.agent()
    agent.start()
    address = own_site.vigie_camera(media.h264_mp4(), mounts=2)
    for number, name in enumerate(("gate", "vault")):
        configure(server, agent, name, f"rtsp://{address}/cam{number}")
    create_stream(server, "dock-1")
    wait_for_fragments(server, "gate", 2)
    create_user(server, "boss", "--role", "administrator")
    print(browsers.run("console-users.test.mjs", server, BOSS_PASSWORD=PASSWORD))
