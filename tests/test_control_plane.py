"""Streams, edge configurations and secrets through boto3 and the AWS CLI: what works, and what is refused how."""

import json
import re

import pytest

import signing
from streams import create_camera_secret, create_stream, edge_config, refused, sync_status

UNKNOWN_STREAM = "arn:aws:kinesisvideo:us-east-1:000000000000:stream/nobody/1700000000000"


@pytest.fixture(scope="module")
def kinesisvideo(site):
    return site.server.client("kinesisvideo")


@pytest.fixture(scope="module")
def secretsmanager(site):
    return site.server.client("secretsmanager")


def test_a_created_stream_is_described_as_created(site, kinesisvideo):
    arn = kinesisvideo.create_stream(
        StreamName="porch", DeviceName="Porch_Camera", MediaType="video/h264,audio/aac", DataRetentionInHours=48,
        Tags={"Site": "Münster"},
    )["StreamARN"]  # fmt: skip
    assert re.fullmatch(r"arn:aws:kinesisvideo:us-east-1:000000000000:stream/porch/\d{13}", arn)
    by_name = kinesisvideo.describe_stream(StreamName="porch")["StreamInfo"]
    assert by_name == kinesisvideo.describe_stream(StreamARN=arn)["StreamInfo"]
    assert {**by_name, "Version": 0, "CreationTime": 0, "KmsKeyId": 0} == {
        "StreamName": "porch", "StreamARN": arn, "DeviceName": "Porch_Camera", "MediaType": "video/h264,audio/aac",
        "DataRetentionInHours": 48, "Status": by_name["Status"], "Version": 0, "CreationTime": 0, "KmsKeyId": 0,
    }  # fmt: skip
    assert by_name["Status"] in ("CREATING", "ACTIVE")
    assert round(by_name["CreationTime"].timestamp() * 1000) == int(arn.rsplit("/", 1)[1])
    assert re.fullmatch(r"[a-zA-Z0-9]{1,64}", by_name["Version"])
    cli = site.server.aws("kinesisvideo", "describe-stream", "--stream-name", "porch")["StreamInfo"]
    assert cli["StreamARN"] == arn


def test_streams_are_listed_by_page_and_by_prefix(site, kinesisvideo):
    names = [f"aisle-{number:02}" for number in range(7)]
    for name in names:
        create_stream(site.server, name)
    condition = {"ComparisonOperator": "BEGINS_WITH", "ComparisonValue": "aisle-"}
    pages = list(
        kinesisvideo.get_paginator("list_streams").paginate(
            StreamNameCondition=condition, PaginationConfig={"PageSize": 3}
        )
    )
    assert [len(page["StreamInfoList"]) for page in pages] == [3, 3, 1]
    assert sorted(info["StreamName"] for page in pages for info in page["StreamInfoList"]) == names
    assert len(kinesisvideo.list_streams(MaxResults=2)["StreamInfoList"]) == 2


def test_a_name_can_be_taken_once(site, kinesisvideo):
    create_stream(site.server, "taken")
    with refused("ResourceInUseException", 400):
        kinesisvideo.create_stream(StreamName="taken")


@pytest.mark.parametrize(
    "arguments",
    [{"StreamName": "bad name"}, {"StreamName": "long", "DataRetentionInHours": 87_601}, {"StreamName": "x" * 257}],
    ids=["space-in-name", "retention-too-long", "name-too-long"],
)
def test_a_stream_that_breaks_a_constraint_is_not_created(site, arguments):
    """Sent by hand: boto3's own checks would stop some of these."""
    status, headers, body = signing.call(site.server, "/createStream", json.dumps(arguments).encode())
    assert (status, headers["x-amzn-errortype"].split(":")[0]) == (400, "InvalidArgumentException"), body
    assert json.loads(body)["Message"]


def test_what_is_not_there_is_not_found(kinesisvideo, site):
    calls = [
        lambda: kinesisvideo.describe_stream(StreamName="nobody"),
        lambda: kinesisvideo.describe_stream(StreamARN=UNKNOWN_STREAM),
        lambda: kinesisvideo.delete_stream(StreamARN=UNKNOWN_STREAM),
        lambda: kinesisvideo.get_data_endpoint(StreamName="nobody", APIName="GET_MEDIA"),
        lambda: kinesisvideo.describe_edge_configuration(StreamName="nobody"),
        lambda: kinesisvideo.update_data_retention(
            StreamName="nobody", CurrentVersion="1", Operation="INCREASE_DATA_RETENTION", DataRetentionChangeInHours=1
        ),
        lambda: site.server.client("kinesis-video-media").get_media(
            StreamName="nobody", StartSelector={"StartSelectorType": "NOW"}
        ),
        lambda: site.server.client("kinesis-video-archived-media").list_fragments(
            StreamName="nobody",
            FragmentSelector={
                "FragmentSelectorType": "PRODUCER_TIMESTAMP",
                "TimestampRange": {"StartTimestamp": 0, "EndTimestamp": 1},
            },
        ),
    ]
    for call in calls:
        with refused("ResourceNotFoundException", 404):
            call()


def test_neither_name_nor_arn_is_an_invalid_argument(kinesisvideo):
    with refused("InvalidArgumentException", 400):
        kinesisvideo.describe_stream()


def test_retention_changes_by_hours_and_only_with_the_newest_version(site, kinesisvideo):
    create_stream(site.server, "shelf", 10)

    def change(operation, hours, version):
        kinesisvideo.update_data_retention(
            StreamName="shelf", CurrentVersion=version, Operation=operation, DataRetentionChangeInHours=hours
        )
        return kinesisvideo.describe_stream(StreamName="shelf")["StreamInfo"]

    first = kinesisvideo.describe_stream(StreamName="shelf")["StreamInfo"]["Version"]
    raised = change("INCREASE_DATA_RETENTION", 5, first)
    assert raised["DataRetentionInHours"] == 15 and raised["Version"] != first
    with refused("VersionMismatchException", 400):
        change("INCREASE_DATA_RETENTION", 5, first)
    assert change("DECREASE_DATA_RETENTION", 15, raised["Version"])["DataRetentionInHours"] == 0
    version = kinesisvideo.describe_stream(StreamName="shelf")["StreamInfo"]["Version"]
    with refused("InvalidArgumentException", 400):
        change("DECREASE_DATA_RETENTION", 1, version)
    with refused("InvalidArgumentException", 400):
        change("INCREASE_DATA_RETENTION", 87_601, version)


def test_a_deleted_stream_is_gone_and_its_name_is_free(site, kinesisvideo):
    arn = create_stream(site.server, "shed")
    with refused("VersionMismatchException", 400):
        kinesisvideo.delete_stream(StreamARN=arn, CurrentVersion="notthisone")
    version = kinesisvideo.describe_stream(StreamName="shed")["StreamInfo"]["Version"]
    kinesisvideo.delete_stream(StreamARN=arn, CurrentVersion=version)
    with refused("ResourceNotFoundException", 404):
        site.server.client("kinesis-video-media").get_media(
            StreamARN=arn, StartSelector={"StartSelectorType": "EARLIEST"}
        )
    again = create_stream(site.server, "shed")
    assert again != arn
    with refused("ResourceNotFoundException", 404):
        kinesisvideo.describe_stream(StreamARN=arn)


@pytest.mark.parametrize("api_name", ["PUT_MEDIA", "GET_MEDIA", "LIST_FRAGMENTS"])
def test_the_data_endpoint_is_a_url_that_answers(site, kinesisvideo, api_name):
    if api_name == "PUT_MEDIA":
        create_stream(site.server, "endpoints")
    endpoint = kinesisvideo.get_data_endpoint(StreamName="endpoints", APIName=api_name)["DataEndpoint"]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", endpoint), "a base URL without a path"


def test_edge_configuration_needs_retention_a_hub_and_a_sound_schedule(site, kinesisvideo):
    agent = site.agent("nobody-home")
    secret_arn = create_camera_secret(site.server, "edge-camera", "rtsp://127.0.0.1:1/cam0")
    create_stream(site.server, "no-retention", 0)
    with refused("NoDataRetentionException", 400):
        kinesisvideo.start_edge_configuration_update(
            StreamName="no-retention", EdgeConfig=edge_config(agent, secret_arn)
        )
    create_stream(site.server, "edge")
    for schedule in ("0 0 0 * * *", "60 * * * * ?", "every full hour"):
        with refused("InvalidArgumentException", 400) as caught:
            bad = edge_config(agent, secret_arn, record={"ScheduleExpression": schedule, "DurationInSeconds": 60})
            kinesisvideo.start_edge_configuration_update(StreamName="edge", EdgeConfig=bad)
        assert "Schedule" in str(caught.value) or "cron" in str(caught.value).lower()
    for duration in (59, 3601):
        schedule = {"ScheduleExpression": "0 * * * * ?", "DurationInSeconds": duration}
        body = {"StreamName": "edge", "EdgeConfig": edge_config(agent, secret_arn, record=schedule)}
        # By hand: boto3 does not let 59 pass.
        answer = signing.call(site.server, "/startEdgeConfigurationUpdate", json.dumps(body).encode())
        assert (answer[0], answer[1]["x-amzn-errortype"].split(":")[0]) == (400, "InvalidArgumentException")
    with refused("StreamEdgeConfigurationNotFoundException", 404):
        kinesisvideo.describe_edge_configuration(StreamName="edge")
    with refused("StreamEdgeConfigurationNotFoundException", 404):
        kinesisvideo.delete_edge_configuration(StreamName="edge")


def test_an_update_while_syncing_is_refused_as_in_use(site, kinesisvideo):
    agent = site.agent("never-started")
    create_stream(site.server, "busy")
    config = edge_config(agent, create_camera_secret(site.server, "busy-camera", "rtsp://127.0.0.1:1/cam0"))
    first = kinesisvideo.start_edge_configuration_update(StreamName="busy", EdgeConfig=config)
    assert first["SyncStatus"] == "SYNCING"
    with refused("ResourceInUseException", 400):
        kinesisvideo.start_edge_configuration_update(StreamName="busy", EdgeConfig=config)
    assert sync_status(site.server, "busy") == "SYNCING"


def test_a_hub_s_configurations_are_listed_by_page(site, kinesisvideo):
    agent = site.agent("pages")
    secret_arn = create_camera_secret(site.server, "pages-camera", "rtsp://127.0.0.1:1/cam0")
    names = [f"page-{number}" for number in range(7)]
    for name in names:
        create_stream(site.server, name)
        kinesisvideo.start_edge_configuration_update(StreamName=name, EdgeConfig=edge_config(agent, secret_arn))
    pages = kinesisvideo.get_paginator("list_edge_agent_configurations").paginate(
        HubDeviceArn=agent.hub_device_arn, PaginationConfig={"PageSize": 3}
    )
    assert sorted(config["StreamName"] for page in pages for config in page["EdgeConfigs"]) == names
    first = kinesisvideo.list_edge_agent_configurations(HubDeviceArn=agent.hub_device_arn)
    assert len(first["EdgeConfigs"]) == 5, "five a page where no number is given"
    nobody = kinesisvideo.list_edge_agent_configurations(HubDeviceArn=agent.hub_device_arn + "-other")
    assert nobody["EdgeConfigs"] == []


def test_a_secret_is_created_read_and_described(site, secretsmanager):
    created = secretsmanager.create_secret(
        Name="dock/camera_1", SecretString='{"MediaURI":"rtsp://dock"}', Description="d"
    )
    assert re.fullmatch(
        r"arn:aws:secretsmanager:us-east-1:000000000000:secret:dock/camera_1-[A-Za-z0-9]{6}", created["ARN"]
    )
    for secret_id in ("dock/camera_1", created["ARN"]):
        value = secretsmanager.get_secret_value(SecretId=secret_id)
        assert value["SecretString"] == '{"MediaURI":"rtsp://dock"}'
        assert (value["Name"], value["ARN"]) == ("dock/camera_1", created["ARN"])
        assert value["VersionId"] == created["VersionId"] and value["VersionStages"] == ["AWSCURRENT"]
    described = secretsmanager.describe_secret(SecretId="dock/camera_1")
    assert described["Description"] == "d" and described["VersionIdsToStages"] == {created["VersionId"]: ["AWSCURRENT"]}
    assert "SecretString" not in described
    cli = site.server.aws("secretsmanager", "get-secret-value", "--secret-id", "dock/camera_1")
    assert cli["SecretString"] == '{"MediaURI":"rtsp://dock"}'


def test_a_new_value_becomes_current_and_the_old_one_previous(secretsmanager):
    first = secretsmanager.create_secret(Name="rotating", SecretString="one")
    second = secretsmanager.put_secret_value(SecretId="rotating", SecretString="two")
    assert second["VersionId"] != first["VersionId"] and "AWSCURRENT" in second["VersionStages"]

    def value(**which):
        return secretsmanager.get_secret_value(SecretId="rotating", **which)["SecretString"]

    assert value() == "two"
    assert value(VersionStage="AWSPREVIOUS") == "one"
    assert value(VersionId=first["VersionId"]) == "one"
    stages = secretsmanager.describe_secret(SecretId="rotating")["VersionIdsToStages"]
    assert stages == {first["VersionId"]: ["AWSPREVIOUS"], second["VersionId"]: ["AWSCURRENT"]}


def test_secrets_are_listed_without_their_values(secretsmanager):
    for number in range(3):
        secretsmanager.create_secret(Name=f"listed-{number}", SecretString="unlisted")
    pages = list(secretsmanager.get_paginator("list_secrets").paginate(PaginationConfig={"PageSize": 2}))
    names = {secret["Name"] for page in pages for secret in page["SecretList"]}
    assert {f"listed-{number}" for number in range(3)} <= names
    assert "unlisted" not in str(pages)


def test_a_deleted_secret_cannot_be_read_and_a_forced_deletion_frees_its_name(secretsmanager):
    secretsmanager.create_secret(Name="doomed", SecretString="x")
    deleted = secretsmanager.delete_secret(SecretId="doomed", RecoveryWindowInDays=7)
    assert deleted["DeletionDate"]
    with refused("InvalidRequestException", 400):
        secretsmanager.get_secret_value(SecretId="doomed")
    with refused("InvalidRequestException", 400):
        secretsmanager.create_secret(Name="doomed", SecretString="y")

    secretsmanager.create_secret(Name="gone", SecretString="x")
    secretsmanager.delete_secret(SecretId="gone", ForceDeleteWithoutRecovery=True)
    with refused("ResourceNotFoundException", 400):
        secretsmanager.get_secret_value(SecretId="gone")
    secretsmanager.create_secret(Name="gone", SecretString="again")
    assert secretsmanager.get_secret_value(SecretId="gone")["SecretString"] == "again"


def test_secrets_that_cannot_be_are_refused(secretsmanager):
    with refused("ResourceNotFoundException", 400):
        secretsmanager.get_secret_value(SecretId="never-was")
    with refused("ResourceNotFoundException", 400):
        secretsmanager.put_secret_value(SecretId="never-was", SecretString="x")
    secretsmanager.create_secret(Name="once", SecretString="x")
    with refused("ResourceExistsException", 400):
        secretsmanager.create_secret(Name="once", SecretString="y")
    with refused("ResourceNotFoundException", 400):
        secretsmanager.get_secret_value(SecretId="once", VersionStage="AWSPENDING")


def test_what_was_configured_survives_a_restart_of_the_server(own_site):
    server = own_site.server
    agent = own_site.agent()
    arn = create_stream(server, "lasting", 7)
    secret_arn = create_camera_secret(server, "lasting-camera", "rtsp://127.0.0.1:1/cam0")
    kinesisvideo = server.client("kinesisvideo")
    kinesisvideo.start_edge_configuration_update(StreamName="lasting", EdgeConfig=edge_config(agent, secret_arn))
    facts = ("StreamARN", "CreationTime", "LastUpdatedTime", "SyncStatus", "EdgeConfig")

    def configuration():
        described = kinesisvideo.describe_edge_configuration(StreamName="lasting")
        return {name: described[name] for name in facts}

    before = configuration()
    key = server.key()
    server.kill()
    server.start()
    assert server.key() == key
    info = kinesisvideo.describe_stream(StreamName="lasting")["StreamInfo"]
    assert (info["StreamARN"], info["DataRetentionInHours"]) == (arn, 7)
    assert configuration() == before
    value = server.client("secretsmanager").get_secret_value(SecretId="lasting-camera")["SecretString"]
    assert json.loads(value) == {"MediaURI": "rtsp://127.0.0.1:1/cam0"}


def test_an_unknown_operation_is_answered_as_unknown(site):
    status, _, body = signing.call(site.server, "/inventStream", b"{}")
    assert status in (400, 404) and b"UnknownOperationException" in body, body
