"""Access keys with IAM policies and temporary credentials, with boto3, the AWS CLI and an agent."""

import base64
import json
import subprocess
import time

import boto3
import botocore.config
import pytest

import media
from processes import AWS, REGION, VIGIE, clean_environment
from streams import (
    configure,
    create_camera_secret,
    create_stream,
    edge_config,
    refused,
    sync_status,
    wait_for_fragments,
)

ACCOUNT = "000000000000"


def allow(actions, *resources):
    return {"Effect": "Allow", "Action": actions, "Resource": list(resources)}


def policy(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def edge_agent_policy(agent, stream, secret):
    """The role policy of AWS's guide for the edge agent, and what Vigie's hub sync needs."""
    return policy(
        allow(["cloudwatch:PutMetricData"], "*"),
        allow(["kinesisvideo:ListStreams"], "*"),
        allow(
            [
                "kinesisvideo:DescribeStream",
                "kinesisvideo:PutMedia",
                "kinesisvideo:TagStream",
                "kinesisvideo:GetDataEndpoint",
            ],
            f"arn:aws:kinesisvideo:*:*:stream/{stream}/*",
        ),
        allow("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:*:*:secret:{secret}-*"),
        allow("kinesisvideo:SyncEdgeAgent", agent.hub_device_arn),
    )


def vigie_keys(*arguments, expect=0, **environment):
    command = [VIGIE, "keys", *map(str, arguments)]
    done = subprocess.run(command, env=clean_environment(**environment), capture_output=True, text=True, timeout=30)
    assert done.returncode == expect, f"{done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout if expect == 0 else done.stderr


def create_key(site, document, *options):
    """Creates a key with this policy; returns (id, secret)."""
    path = site.folder / "policy.json"
    path.write_text(json.dumps(document))
    made = json.loads(
        vigie_keys("create", "--policy", path, "--data-dir", site.server.data_dir, "--json", *options)
    )
    return made["AccessKeyId"], made["SecretAccessKey"]


def client(site, service, key_id, secret, token=None):
    """A boto3 client with any credentials."""
    return boto3.client(
        service,
        endpoint_url=site.server.url,
        region_name=REGION,
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=botocore.config.Config(retries={"max_attempts": 0}, connect_timeout=5, read_timeout=40, proxies={}),
    )


def session_client(site, service, credentials):
    names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
    return client(site, service, *(credentials[name] for name in names))


def test_a_hub_s_key_runs_an_agent_on_its_own_stream_and_is_refused_elsewhere(own_site):
    server, agent = own_site.server, own_site.agent("hub-1")
    address = own_site.vigie_camera(media.h264_mp4(), user="viewer", password="camera-password")
    create_stream(server, "yard")
    other = create_camera_secret(server, "yard-camera", "rtsp://viewer:other-password@127.0.0.1:1/cam0")
    key_id, secret = create_key(own_site, edge_agent_policy(agent, "gate", "gate-camera"), "--name", "hub-1")
    credentials = own_site.folder / "hub-credentials"
    credentials.write_text(f"[default]\naws_access_key_id = {key_id}\naws_secret_access_key = {secret}\n")
    agent.start(credentials_path=credentials)
    configure(server, agent, "gate", f"rtsp://viewer:camera-password@{address}/cam0")
    wait_for_fragments(server, "gate", 3)
    assert sync_status(server, "gate") == "IN_SYNC"

    kinesisvideo = client(own_site, "kinesisvideo", key_id, secret)
    assert kinesisvideo.describe_stream(StreamName="gate")["StreamInfo"]["StreamName"] == "gate"
    assert kinesisvideo.list_streams()["StreamInfoList"]
    for stream in ("yard", "not-there"):
        with refused("NotAuthorizedException", 403) as caught:
            kinesisvideo.describe_stream(StreamName=stream)
        assert (
            f"User: arn:aws:iam::{ACCOUNT}:user/hub-1 is not authorized to perform: kinesisvideo:DescribeStream on "
            f"resource: arn:aws:kinesisvideo:{REGION}:{ACCOUNT}:stream/{stream}/*"
        ) in str(caught.value)
    with refused("AccessDeniedException", 403):
        kinesisvideo.describe_edge_configuration(StreamName="gate")
    with refused("AccessDeniedException", 403):
        client(own_site, "secretsmanager", key_id, secret).get_secret_value(SecretId=other)
    with refused("NotAuthorizedException", 403):
        kinesisvideo.delete_stream(StreamARN=f"arn:aws:kinesisvideo:{REGION}:{ACCOUNT}:stream/yard/1")

    # The hub's key does not open another hub's sync.
    stranger = own_site.agent("hub-2")
    stranger.start(credentials_path=credentials)
    create_stream(server, "shed")
    server.client("kinesisvideo").start_edge_configuration_update(
        StreamName="shed", EdgeConfig=edge_config(stranger, other)
    )
    wait_for_fragments(server, "gate", 5)
    assert sync_status(server, "shed") == "SYNCING"

    # Nothing secret in any log.
    _, root_secret = server.key()
    secrets = [secret, root_secret, "camera-password", "other-password"]
    for process in own_site.processes:
        log = process.log()
        assert log
        for word in secrets if process.name != "camera" else secrets[:2]:
            assert word not in log and base64.b64encode(word.encode()).decode() not in log, process.name


def test_revoking_a_key_ends_it_and_its_sessions_at_once(site):
    key_id, secret = create_key(site, policy(allow("*", "*")))
    kinesisvideo = client(site, "kinesisvideo", key_id, secret)
    kinesisvideo.list_streams()
    session = client(site, "sts", key_id, secret).get_session_token()["Credentials"]
    session_client(site, "kinesisvideo", session).list_streams()
    assert vigie_keys("revoke", key_id, "--data-dir", site.server.data_dir) == f"{key_id} is revoked\n"
    for revoked in (kinesisvideo, session_client(site, "kinesisvideo", session)):
        with refused("UnrecognizedClientException", 403):
            revoked.list_streams()
    assert "already" in vigie_keys("revoke", key_id, "--data-dir", site.server.data_dir, expect=1)
    root_id, _ = site.server.key()
    assert "last root key" in vigie_keys("revoke", root_id, "--data-dir", site.server.data_dir, expect=1)
    site.server.client("kinesisvideo").list_streams()


def test_keys_are_created_and_listed_while_the_server_does_not_run(own_site):
    own_site.server.kill()
    key_id, secret = create_key(own_site, policy(allow("kinesisvideo:ListStreams", "*")), "--name", "viewer")
    as_json = vigie_keys("list", "--data-dir", own_site.server.data_dir, "--json")
    for_people = vigie_keys("list", "--data-dir", own_site.server.data_dir)
    (key,) = [key for key in json.loads(as_json) if key["AccessKeyId"] == key_id]
    assert key["PrincipalArn"] == f"arn:aws:iam::{ACCOUNT}:user/viewer"
    assert key["Policy"] == policy(allow("kinesisvideo:ListStreams", "*")) and key["RevokedAt"] is None
    (line,) = [line for line in for_people.splitlines() if line.startswith(key_id)]
    assert "viewer" in line and "allows kinesisvideo:ListStreams" in line
    assert secret not in as_json + for_people
    own_site.server.start()
    kinesisvideo = client(own_site, "kinesisvideo", key_id, secret)
    assert kinesisvideo.list_streams()["StreamInfoList"] == []
    with refused("AccessDeniedException", 403):
        kinesisvideo.create_stream(StreamName="no")


def test_a_key_is_printed_as_a_profile_that_the_aws_cli_takes(site, tmp_path):
    (tmp_path / "policy.json").write_text(json.dumps(policy(allow("kinesisvideo:ListStreams", "*"))))
    options = ("--policy", tmp_path / "policy.json", "--data-dir", site.server.data_dir)
    (tmp_path / "credentials").write_text(vigie_keys("create", *options))
    environment = clean_environment(AWS_SHARED_CREDENTIALS_FILE=str(tmp_path / "credentials"), AWS_PAGER="")
    command = [AWS, "--endpoint-url", site.server.url, "--region", REGION, "kinesisvideo"]
    listed = subprocess.run([*command, "list-streams"], env=environment, capture_output=True, text=True, timeout=60)
    assert listed.returncode == 0, listed.stderr
    denied = subprocess.run(
        [*command, "create-stream", "--stream-name", "no"], env=environment, capture_output=True, text=True, timeout=60
    )
    assert denied.returncode and "AccessDeniedException" in denied.stderr, denied.stderr


@pytest.mark.parametrize(
    "document, reason",
    [
        ("{", "not valid JSON"),
        (
            json.dumps(policy({**allow("*", "*"), "Condition": {"Bool": {"aws:SecureTransport": "true"}}})),
            "the condition Bool on aws:SecureTransport is not supported",
        ),
        (json.dumps(policy({**allow("*", "*"), "Principal": "*"})), "Principal"),
        (json.dumps(policy(allow("PutMedia", "*"))), "SERVICE:NAME"),
        (" " * 70_000, "longer than"),
    ],
    ids=["json", "condition", "principal", "action", "long"],
)
def test_a_bad_policy_makes_no_key_and_says_why(site, tmp_path, document, reason):
    (tmp_path / "policy.json").write_text(document)
    before = vigie_keys("list", "--data-dir", site.server.data_dir)
    options = ("--policy", tmp_path / "policy.json", "--data-dir", site.server.data_dir)
    assert reason in vigie_keys("create", *options, expect=1)
    assert vigie_keys("list", "--data-dir", site.server.data_dir) == before


def test_a_key_needs_a_policy_a_folder_and_its_master_key(site, tmp_path):
    vigie_keys("create", "--data-dir", site.server.data_dir, expect=2)
    assert vigie_keys("create", "--root", "--data-dir", tmp_path / "nothing-here", expect=1)
    assert not (tmp_path / "nothing-here").exists()
    other = vigie_keys("create", "--root", "--data-dir", site.server.data_dir, expect=1, VIGIE_MASTER_KEY="0" * 64)
    assert "master key" in other


def test_session_tokens_of_boto3_and_the_aws_cli_work_everywhere(site):
    create_stream(site.server, "sessions")
    sts = site.server.client("sts")
    assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    from_cli = site.server.aws("sts", "get-session-token", "--duration-seconds", "900")["Credentials"]
    from_boto3 = sts.get_session_token()["Credentials"]
    for credentials in (from_cli, from_boto3):
        assert credentials["AccessKeyId"].startswith("ASIA") and credentials["Expiration"]
        kinesisvideo = session_client(site, "kinesisvideo", credentials)
        assert kinesisvideo.describe_stream(StreamName="sessions")["StreamInfo"]["StreamName"] == "sessions"
        assert session_client(site, "secretsmanager", credentials).list_secrets()["SecretList"] is not None
        assert session_client(site, "sts", credentials).get_caller_identity()["Account"] == ACCOUNT
        with refused("AccessDenied", 403):
            session_client(site, "sts", credentials).get_session_token()
        with refused("UnrecognizedClientException", 403):
            client(site, "kinesisvideo", credentials["AccessKeyId"], credentials["SecretAccessKey"]).list_streams()
    hours = (from_boto3["Expiration"].timestamp() - time.time()) / 3600
    assert 11.9 < hours <= 12
    with refused(status=400):
        sts.get_session_token(DurationSeconds=900, SerialNumber="x" * 9, TokenCode="123456")
    with refused("InvalidAction", 400):
        sts.assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/none", RoleSessionName="none")
    log = site.server.process.log()
    for credentials in (from_cli, from_boto3):
        assert credentials["SecretAccessKey"] not in log and credentials["SessionToken"] not in log


def test_an_agent_runs_on_temporary_credentials(own_site):
    address = own_site.vigie_camera(media.h264_mp4())
    credentials = own_site.server.client("sts").get_session_token()["Credentials"]
    path = own_site.folder / "session-credentials"
    path.write_text(
        f"[default]\naws_access_key_id = {credentials['AccessKeyId']}\n"
        f"aws_secret_access_key = {credentials['SecretAccessKey']}\naws_session_token = {credentials['SessionToken']}\n"
    )
    agent = own_site.agent()
    agent.start(credentials_path=path)
    configure(own_site.server, agent, "gate", f"rtsp://{address}/cam0")
    wait_for_fragments(own_site.server, "gate", 2)
