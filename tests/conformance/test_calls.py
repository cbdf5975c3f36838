"""Every operation called soundly through boto3 (its own checks switched off), and every error that can be provoked."""

import itertools
import json
import threading

import boto3
import botocore.config
import pytest

import model
import signing
from streams import refused

HUB = f"arn:aws:iot:{model.PLACE}:thing/conformance"
OTHER_HUB = f"arn:aws:iot:{model.PLACE}:thing/another"
SECRET = f"arn:aws:secretsmanager:{model.PLACE}:secret:camera-AbCdEf"
IMAGES = {
    "Status": "ENABLED", "ImageSelectorType": "SERVER_TIMESTAMP", "SamplingInterval": 3000, "Format": "JPEG",
    "FormatConfig": {"JPEGQuality": "80"}, "WidthPixels": 3840, "HeightPixels": 2160,
    "DestinationConfig": {"Uri": "s3://bucket/prefix", "DestinationRegion": "us-east-1"},
}  # fmt: skip
NOTIFICATION = {"Status": "ENABLED", "DestinationConfig": {"Uri": f"arn:aws:sns:{model.PLACE}:topic"}}
WARM = {"DefaultStorageTier": "WARM"}
COUNT = itertools.count()
BY_NAME_OR_ARN = [
    name for name, one in model.OPERATIONS.items() if {"StreamName", "StreamARN"} <= set(one["input"]["members"])
]


def edge_config(hub=HUB):
    schedule = {"ScheduleExpression": "0 0 9-16 ? * MON-FRI *", "DurationInSeconds": 3599}
    source = {"MediaUriSecretArn": SECRET, "MediaUriType": "RTSP_URI"}
    return {
        "HubDeviceArn": hub,
        "RecorderConfig": {"MediaSourceConfig": source, "ScheduleConfig": schedule},
        "UploaderConfig": {"ScheduleConfig": schedule},
        "DeletionConfig": {
            "EdgeRetentionInHours": 720,
            "LocalSizeConfig": {"MaxLocalMediaSizeInMB": 2_000_000, "StrategyOnFullSize": "DELETE_OLDEST_MEDIA"},
            "DeleteAfterUpload": False,
        },
    }


class Api:
    """Calls any operation by its name with any input."""

    SERVICES = {
        "KinesisVideo": "kinesisvideo",
        "KinesisVideoMedia": "kinesis-video-media",
        "KinesisVideoArchivedMedia": "kinesis-video-archived-media",
        "SecretsManager": "secretsmanager",
    }

    def __init__(self, server):
        self.server = server
        key_id, secret = server.key()
        config = botocore.config.Config(parameter_validation=False, retries={"max_attempts": 0}, proxies={})
        self.clients = {
            service: boto3.client(
                name,
                endpoint_url=server.url,
                region_name="us-east-1",
                aws_access_key_id=key_id,
                aws_secret_access_key=secret,
                config=config,
            )
            for service, name in self.SERVICES.items()
        }

    def __call__(self, operation, **body):
        client = self.clients[model.OPERATIONS[operation]["service"]]
        method = next(method for method, name in client.meta.method_to_api_mapping.items() if name == operation)
        answer = getattr(client, method)(**body)
        assert answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"]
        return {name: value for name, value in answer.items() if name != "ResponseMetadata"}

    def stream(self, retention_hours=24, **more):
        """A stream of its own for one test: (name, ARN)."""
        name = f"conformance.{next(COUNT)}"
        body = {"StreamName": name, "DataRetentionInHours": retention_hours, **more}
        return name, self("CreateStream", **body)["StreamARN"]

    def version(self, name):
        return self("DescribeStream", StreamName=name)["StreamInfo"]["Version"]

    def hub_says(self, phase, hub=HUB, details=None):
        """The hub reports one phase about everything it is to do."""
        revisions = self._sync(hub, [])["Configurations"]
        report = [{key: one[key] for key in ("StreamARN", "Revision")} | {"Phase": phase} for one in revisions]
        for one in report:
            if details:
                one["FailedStatusDetails"] = details
        self._sync(hub, report)

    def _sync(self, hub, streams):
        body = {"HubDeviceArn": hub, "AgentVersion": "0", "WaitSeconds": 0, "Streams": streams}
        status, _, answer = signing.call(self.server, "/syncEdgeAgent", json.dumps(body).encode())
        assert status == 200, answer
        return json.loads(answer)


@pytest.fixture(scope="module")
def api(site):
    return Api(site.server)


@pytest.fixture
def configured(api):
    """A stream whose edge configuration is SYNCING on a hub of its own: (name, hub)."""
    name, _ = api.stream()
    hub = f"{HUB}-{name}"
    api("StartEdgeConfigurationUpdate", StreamName=name, EdgeConfig=edge_config(hub))
    return name, hub


def sync_status(api, name):
    return api("DescribeEdgeConfiguration", StreamName=name)["SyncStatus"]


def test_a_stream_with_every_member_is_given_back_by_name_and_by_arn(api):
    tags = {f"Schlüssel {number}": "" for number in range(50)}
    made = {"DeviceName": "d" * 128, "MediaType": "video/h264,audio/aac", "KmsKeyId": "alias/mine", "Tags": tags}
    name, arn = api.stream(87_600, StreamStorageConfiguration=WARM, **made)
    info = api("DescribeStream", StreamName=name)["StreamInfo"]
    assert info == api("DescribeStream", StreamARN=arn)["StreamInfo"]
    kept = {member: info[member] for member in ("DeviceName", "MediaType", "KmsKeyId", "DataRetentionInHours")}
    assert kept == {**{m: v for m, v in made.items() if m != "Tags"}, "DataRetentionInHours": 87_600}
    assert info["Status"] == "ACTIVE"
    assert api("ListTagsForStream", StreamARN=arn) == {"Tags": tags}
    storage = api("DescribeStreamStorageConfiguration", StreamName=name)
    assert storage == {"StreamName": name, "StreamARN": arn, "StreamStorageConfiguration": WARM}


def test_the_longest_name_is_taken(api):
    name = "n" * 256
    api("CreateStream", StreamName=name)
    condition = {"ComparisonOperator": "BEGINS_WITH", "ComparisonValue": name}
    listed = api("ListStreams", StreamNameCondition=condition, MaxResults=10_000)
    assert [info["StreamName"] for info in listed["StreamInfoList"]] == [name]


def test_every_update_changes_the_version_and_the_stream(api):
    name, arn = api.stream()
    changes = [
        ("UpdateStream", {"DeviceName": "lens", "MediaType": "video/h265"}),
        ("UpdateDataRetention", {"Operation": "INCREASE_DATA_RETENTION", "DataRetentionChangeInHours": 1}),
        ("UpdateDataRetention", {"Operation": "DECREASE_DATA_RETENTION", "DataRetentionChangeInHours": 25}),
        ("UpdateDataRetention", {"Operation": "INCREASE_DATA_RETENTION", "DataRetentionChangeInHours": 87_600}),
        ("UpdateStreamStorageConfiguration", {"StreamStorageConfiguration": WARM}),
    ]
    versions = [api.version(name)]
    for operation, change in changes:
        assert api(operation, StreamARN=arn, CurrentVersion=versions[-1], **change) == {}
        versions.append(api.version(name))
    for operation, member, value in [
        ("UpdateImageGenerationConfiguration", "ImageGenerationConfiguration", IMAGES),
        ("UpdateNotificationConfiguration", "NotificationConfiguration", NOTIFICATION),
    ]:
        assert api(operation, StreamName=name, **{member: value}) == {}
        assert api(operation.replace("Update", "Describe"), StreamARN=arn) == {member: value}
        versions.append(api.version(name))
        assert api(operation, StreamName=name) == {}
        assert api(operation.replace("Update", "Describe"), StreamARN=arn) == {}
        versions.append(api.version(name))
    assert len(set(versions)) == len(versions)
    info = api("DescribeStream", StreamName=name)["StreamInfo"]
    kept = (info["DeviceName"], info["MediaType"], info["DataRetentionInHours"])
    assert kept == ("lens", "video/h265", 87_600)


def test_a_null_configuration_is_a_deletion(site, api):
    """boto3 leaves null out; other clients send it."""
    name, _ = api.stream()
    for kind, value in (("ImageGeneration", IMAGES), ("Notification", NOTIFICATION)):
        member = f"{kind}Configuration"
        api(f"Update{member}", StreamName=name, **{member: value})
        body = json.dumps({"StreamName": name, member: None}).encode()
        assert signing.call(site.server, f"/update{member}", body)[0] == 200
        assert api(f"Describe{member}", StreamName=name) == {}


def test_tags_are_added_replaced_listed_and_taken_off(api):
    name, arn = api.stream()
    api("TagStream", StreamName=name, Tags={"a": "1", "b": "2"})
    api("TagStream", StreamARN=arn, Tags={"b": "3", "c": ""})
    assert api("ListTagsForStream", StreamName=name) == {"Tags": {"a": "1", "b": "3", "c": ""}}
    api("UntagStream", StreamName=name, TagKeyList=["a", "never"])
    assert api("ListTagsForStream", StreamARN=arn) == {"Tags": {"b": "3", "c": ""}}


@pytest.mark.parametrize("api_name", model.OPERATIONS["GetDataEndpoint"]["input"]["members"]["APIName"]["enum"])
def test_every_data_endpoint_is_given(api, site, api_name):
    name, _ = api.stream()
    assert api("GetDataEndpoint", StreamName=name, APIName=api_name) == {"DataEndpoint": site.server.url}


def test_media_of_an_empty_stream_is_empty(api):
    name, _ = api.stream()
    assert api("GetMedia", StreamName=name, StartSelector={"StartSelectorType": "EARLIEST"})["ContentType"]
    selector = {"FragmentSelectorType": "SERVER_TIMESTAMP", "TimestampRange": {"StartTimestamp": 0, "EndTimestamp": 1}}
    assert api("ListFragments", StreamName=name, FragmentSelector=selector)["Fragments"] == []
    assert api("GetMediaForFragmentList", StreamName=name, Fragments=["17"])["ContentType"]


def test_an_edge_configuration_goes_through_its_life(api, configured):
    name, hub = configured
    described = api("DescribeEdgeConfiguration", StreamName=name)
    assert described["EdgeConfig"] == edge_config(hub)
    assert api("ListEdgeAgentConfigurations", HubDeviceArn=hub)["EdgeConfigs"] == [
        {member: described[member] for member in described if member != "EdgeAgentStatus"}
    ]
    seen = [sync_status(api, name)]
    for phase in ("RECEIVED", "APPLIED"):
        api.hub_says(phase, hub)
        seen.append(sync_status(api, name))
    api("StartEdgeConfigurationUpdate", StreamName=name, EdgeConfig=edge_config(hub))
    seen.append(sync_status(api, name))
    api.hub_says("FAILED", hub, "no such camera")
    failed = api("DescribeEdgeConfiguration", StreamName=name)
    seen.append(failed["SyncStatus"])
    assert failed["FailedStatusDetails"] == "no such camera"
    api("DeleteEdgeConfiguration", StreamName=name)
    seen.append(sync_status(api, name))
    api.hub_says("RECEIVED", hub)
    seen.append(sync_status(api, name))
    api.hub_says("ERASE_FAILED", hub, "disk is read-only")
    seen.append(sync_status(api, name))
    with refused("ResourceInUseException", 400):
        api("StartEdgeConfigurationUpdate", StreamName=name, EdgeConfig=edge_config(hub))
    api("DeleteEdgeConfiguration", StreamName=name)
    seen.append(sync_status(api, name))
    assert seen == [
        "SYNCING", "ACKNOWLEDGED", "IN_SYNC", "SYNCING", "SYNC_FAILED", "DELETING", "DELETING_ACKNOWLEDGED",
        "DELETE_FAILED", "DELETING",
    ]  # fmt: skip
    api.hub_says("ERASED", hub)
    with refused("StreamEdgeConfigurationNotFoundException", 404):
        api("DescribeEdgeConfiguration", StreamName=name)


def test_updates_are_refused_while_one_is_under_way_and_for_another_hub(api, configured):
    name, hub = configured
    start = {"StreamName": name, "EdgeConfig": edge_config(hub)}
    for phase in (None, "RECEIVED"):
        if phase:
            api.hub_says(phase, hub)
        with refused("ResourceInUseException", 400):
            api("StartEdgeConfigurationUpdate", **start)
    api.hub_says("APPLIED", hub)
    with refused("InvalidArgumentException", 400) as caught:
        api("StartEdgeConfigurationUpdate", StreamName=name, EdgeConfig=edge_config(OTHER_HUB))
    assert "DeleteEdgeConfiguration first" in str(caught.value)
    api("DeleteEdgeConfiguration", StreamName=name)
    with refused("ResourceInUseException", 400):
        api("StartEdgeConfigurationUpdate", **start)


def test_retention_cannot_become_zero_under_an_edge_configuration(api, configured):
    name, _ = configured
    change = {"Operation": "DECREASE_DATA_RETENTION", "DataRetentionChangeInHours": 24}
    with refused("InvalidArgumentException", 400) as caught:
        api("UpdateDataRetention", StreamName=name, CurrentVersion=api.version(name), **change)
    assert "DeleteEdgeConfiguration" in str(caught.value)


@pytest.mark.parametrize("operation", BY_NAME_OR_ARN)
@pytest.mark.parametrize("how", ["name", "arn", "neither", "both"])
def test_a_stream_is_meant_by_exactly_one_of_name_and_arn(api, operation, how):
    body = sound_body(operation)
    body.pop("StreamName")
    name, arn = "nobody", f"arn:aws:kinesisvideo:{model.PLACE}:stream/nobody/1700000000000"
    members = {"name": {"StreamName": name}, "arn": {"StreamARN": arn}, "neither": {}}
    members["both"] = members["name"] | members["arn"]
    found = how in ("name", "arn")
    with refused("ResourceNotFoundException" if found else "InvalidArgumentException", 404 if found else 400):
        api(operation, **body, **members[how])


def sound_body(operation):
    """An input that no constraint and no rule refuses."""
    body = model.sound("", model.OPERATIONS[operation]["input"])
    body.pop("NextToken", None)
    for member, value in (
        ("EdgeConfig", edge_config()),
        ("ImageGenerationConfiguration", IMAGES),
        ("NotificationConfiguration", NOTIFICATION),
        ("StartSelector", {"StartSelectorType": "NOW"}),
    ):
        if member in body:
            body[member] = value
    return body


@pytest.mark.parametrize(
    "operation", ["UpdateStream", "UpdateDataRetention", "UpdateStreamStorageConfiguration", "DeleteStream"]
)
def test_only_the_newest_version_is_changed(api, operation):
    name, arn = api.stream()
    body = sound_body(operation) | {"CurrentVersion": "notthenewest"}
    body.pop("StreamName", None)
    with refused("VersionMismatchException", 400):
        api(operation, **body | {"StreamARN": arn})
    body["CurrentVersion"] = api.version(name)
    assert api(operation, **body | {"StreamARN": arn}) == {}


@pytest.mark.parametrize(
    "operation",
    ["StartEdgeConfigurationUpdate", "UpdateImageGenerationConfiguration", "UpdateNotificationConfiguration"],
)
def test_what_needs_retention_is_refused_without(api, operation):
    name, _ = api.stream(0)
    body = sound_body(operation) | {"StreamName": name}
    with refused("NoDataRetentionException", 400):
        api(operation, **body)


@pytest.mark.parametrize("operation", ["DescribeEdgeConfiguration", "DeleteEdgeConfiguration"])
def test_a_stream_without_an_edge_configuration_is_told_from_one_that_is_not_there(api, operation):
    name, _ = api.stream()
    with refused("StreamEdgeConfigurationNotFoundException", 404):
        api(operation, StreamName=name)


def test_a_taken_name_and_too_many_tags_are_refused(api):
    name, _ = api.stream(Tags={f"key{number}": "" for number in range(50)})
    with refused("ResourceInUseException", 400):
        api("CreateStream", StreamName=name)
    with refused("TagsPerResourceExceededLimitException", 400):
        api("TagStream", StreamName=name, Tags={"one-more": ""})
    api("TagStream", StreamName=name, Tags={"key0": "again"})


RULES = {
    "retention-too-long": ("CreateStream", {"DataRetentionInHours": 87_601}),
    "above-ten-years": ("UpdateDataRetention", {"DataRetentionChangeInHours": 87_600}),
    "below-zero": (
        "UpdateDataRetention", {"Operation": "DECREASE_DATA_RETENTION", "DataRetentionChangeInHours": 25},
    ),
    "no-prefix": ("ListStreams", {"StreamNameCondition": {"ComparisonOperator": "BEGINS_WITH"}}),
    "token-of-nobody": ("ListStreams", {"NextToken": "bm9ib2R5"}),
    "tag-token-of-nobody": ("ListTagsForStream", {"NextToken": "bm9ib2R5"}),
    "edge-token-of-nobody": ("ListEdgeAgentConfigurations", {"NextToken": "bm9ib2R5"}),
    "not-a-bucket": ("UpdateImageGenerationConfiguration", {"ImageGenerationConfiguration": IMAGES | {
        "DestinationConfig": {"Uri": "https://bucket/prefix", "DestinationRegion": "us-east-1"}}}),
    "another-region": ("UpdateImageGenerationConfiguration", {"ImageGenerationConfiguration": IMAGES | {
        "DestinationConfig": {"Uri": "s3://bucket", "DestinationRegion": "eu-west-1"}}}),
    "sampled-too-often": (
        "UpdateImageGenerationConfiguration", {"ImageGenerationConfiguration": IMAGES | {"SamplingInterval": 199}},
    ),
    "quality-too-high": ("UpdateImageGenerationConfiguration", {
        "ImageGenerationConfiguration": IMAGES | {"FormatConfig": {"JPEGQuality": "101"}}}),
    "not-a-topic": ("UpdateNotificationConfiguration", {
        "NotificationConfiguration": NOTIFICATION | {"DestinationConfig": {"Uri": "s3://bucket"}}}),
    "a-fifo-topic": ("UpdateNotificationConfiguration", {"NotificationConfiguration": NOTIFICATION | {
        "DestinationConfig": {"Uri": f"arn:aws:sns:{model.PLACE}:topic.fifo"}}}),
    "a-unix-schedule": ("StartEdgeConfigurationUpdate", {"EdgeConfig": edge_config() | {
        "UploaderConfig": {"ScheduleConfig": {"ScheduleExpression": "*/5 * * * *", "DurationInSeconds": 60}}}}),
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_rules_beyond_the_constraints_are_held(api, rule):
    operation, change = RULES[rule]
    name, _ = api.stream()
    body = sound_body(operation)
    if "StreamName" in body and operation != "CreateStream":
        body["StreamName"] = name
    if "CurrentVersion" in body:
        body["CurrentVersion"] = api.version(name)
    with refused("InvalidArgumentException", 400):
        api(operation, **body | change)


@pytest.mark.parametrize(("operation", "path"), model.MODELS["signaling"].items())
def test_signaling_is_said_not_to_be_there(site, operation, path):
    status, headers, body = signing.call(site.server, path, b"{}")
    assert (status, headers["x-amzn-errortype"].split(":")[0]) == (400, "InvalidArgumentException")
    assert operation in json.loads(body)["Message"] and "no signaling" in json.loads(body)["Message"]


def test_secrets_live_and_are_refused_as_documented(api):
    tags = [{"Key": "k", "Value": "v"}]
    arn = api("CreateSecret", Name="conformance", SecretString="{}", Description="d", Tags=tags)["ARN"]
    assert api("GetSecretValue", SecretId=arn)["SecretString"] == "{}"
    assert api("PutSecretValue", SecretId=arn, SecretBinary=b"\0")["VersionStages"] == ["AWSCURRENT"]
    assert api("GetSecretValue", SecretId="conformance")["SecretBinary"] == b"\0"
    assert api("DescribeSecret", SecretId=arn)["Tags"] == tags
    assert "conformance" in [secret["Name"] for secret in api("ListSecrets")["SecretList"]]
    with refused("ResourceExistsException", 400):
        api("CreateSecret", Name="conformance", SecretString="{}")
    with refused("InvalidParameterException", 400):
        api("PutSecretValue", SecretId=arn, SecretString="{}", SecretBinary=b"\0")
    with refused("InvalidNextTokenException", 400):
        api("ListSecrets", NextToken="bm9ib2R5")
    api("DeleteSecret", SecretId=arn, RecoveryWindowInDays=7)
    with refused("InvalidRequestException", 400):
        api("GetSecretValue", SecretId=arn)
    for operation in ("GetSecretValue", "PutSecretValue", "DescribeSecret"):
        with refused("ResourceNotFoundException", 400):
            api(operation, SecretId="nobody", **({"SecretString": "{}"} if operation == "PutSecretValue" else {}))


def test_a_deleted_stream_is_not_found_and_its_name_is_free(api):
    name, arn = api.stream()
    assert api("DeleteStream", StreamARN=arn) == {}
    with refused("ResourceNotFoundException", 404):
        api("DeleteStream", StreamARN=arn)
    again = api("CreateStream", StreamName=name)["StreamARN"]
    assert again != arn
    with refused("ResourceNotFoundException", 404):
        api("DescribeStream", StreamARN=arn)


def test_one_of_many_at_once_gets_the_name(api):
    outcomes = []

    def create():
        try:
            outcomes.append(Api(api.server)("CreateStream", StreamName="contested")["StreamARN"])
        except Exception as error:
            outcomes.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=create) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcome == "ResourceInUseException" for outcome in outcomes) == [False, True, True, True]
