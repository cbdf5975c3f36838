"""What a client does with streams and edge configurations through boto3, as the tests need it again and again."""

import contextlib
import json
import time

import botocore.exceptions
import pytest

import matroska
from waiting import eventually

# Quartz with seconds: fires each minute for a minute, so the window never closes.
EACH_MINUTE = {"ScheduleExpression": "0 * * * * ?", "DurationInSeconds": 60}
# A day that does not come: nothing is uploaded while a test looks.
NEVER = {"ScheduleExpression": "0 0 0 1 1 ? 2099", "DurationInSeconds": 60}


@contextlib.contextmanager
def refused(error_code=None, status=None):
    """Expects the call inside to be refused: with this error code, with this HTTP status, and with a message."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        yield caught
    response = caught.value.response
    assert error_code in (None, response["Error"]["Code"]), response
    assert status in (None, response["ResponseMetadata"]["HTTPStatusCode"]), response
    assert response["Error"]["Message"], response


def create_stream(server, name, retention_hours=24):
    """Creates a stream, waits until it is ACTIVE and returns its ARN."""
    kinesisvideo = server.client("kinesisvideo")
    arn = kinesisvideo.create_stream(StreamName=name, DataRetentionInHours=retention_hours)["StreamARN"]
    eventually(
        lambda: kinesisvideo.describe_stream(StreamName=name)["StreamInfo"]["Status"] == "ACTIVE",
        10,
        f"{name} is ACTIVE",
    )
    return arn


def create_camera_secret(server, name, uri):
    """Stores a camera's URI the way the KVS Edge Agent wants it and returns the secret's ARN."""
    value = json.dumps({"MediaURI": uri})
    return server.client("secretsmanager").create_secret(Name=name, SecretString=value)["ARN"]


def edge_config(agent, secret_arn, uri_type="RTSP_URI", record=None, upload=EACH_MINUTE, deletion=None):
    """An EdgeConfig: records always unless `record` says when, uploads always unless `upload` says when."""
    config = {
        "HubDeviceArn": agent.hub_device_arn,
        "RecorderConfig": {"MediaSourceConfig": {"MediaUriSecretArn": secret_arn, "MediaUriType": uri_type}},
        "UploaderConfig": {"ScheduleConfig": upload},
    }
    if record:
        config["RecorderConfig"]["ScheduleConfig"] = record
    if deletion:
        config["DeletionConfig"] = deletion
    return config


def configure(server, agent, stream, uri, retention_hours=24, **config):
    """Creates stream and secret and starts the edge configuration."""
    create_stream(server, stream, retention_hours)
    secret_arn = create_camera_secret(server, f"{stream}-camera", uri)
    return server.client("kinesisvideo").start_edge_configuration_update(
        StreamName=stream, EdgeConfig=edge_config(agent, secret_arn, **config)
    )


def sync_status(server, stream):
    return server.client("kinesisvideo").describe_edge_configuration(StreamName=stream)["SyncStatus"]


def wait_in_sync(server, stream, deadline_seconds=30):
    eventually(lambda: sync_status(server, stream) == "IN_SYNC", deadline_seconds, f"{stream} is IN_SYNC")


def agent_status(server, stream):
    """The recorder's and the uploader's last status; an empty table where there is none yet."""
    described = server.client("kinesisvideo").describe_edge_configuration(StreamName=stream)
    status = described.get("EdgeAgentStatus") or {}
    return status.get("LastRecorderStatus") or {}, status.get("LastUploaderStatus") or {}


def data_client(server, service, stream, api_name):
    """A client of the endpoint that GetDataEndpoint names for the stream."""
    answer = server.client("kinesisvideo").get_data_endpoint(StreamName=stream, APIName=api_name)
    return server.client(service, endpoint_url=answer["DataEndpoint"])


def list_fragments(server, stream, selector_type="PRODUCER_TIMESTAMP", start=0.0, end=None, page=100):
    """All fragments in a time range (all time by default), through every page, sorted by producer timestamp."""
    client = data_client(server, "kinesis-video-archived-media", stream, "LIST_FRAGMENTS")
    selector = {
        "FragmentSelectorType": selector_type,
        "TimestampRange": {"StartTimestamp": start, "EndTimestamp": time.time() + 3600 if end is None else end},
    }
    pages = client.get_paginator("list_fragments").paginate(
        StreamName=stream, FragmentSelector=selector, PaginationConfig={"PageSize": page}
    )
    fragments = [fragment for answer in pages for fragment in answer["Fragments"]]
    return sorted(fragments, key=lambda fragment: fragment["ProducerTimestamp"])


def start_ms(fragment):
    """When a listed fragment begins, epoch ms."""
    return round(fragment["ProducerTimestamp"].timestamp() * 1000)


def end_ms(fragment):
    return start_ms(fragment) + fragment["FragmentLengthInMilliseconds"]


def assert_nothing_twice(listed):
    starts = [start_ms(fragment) for fragment in listed]
    assert len(set(starts)) == len(starts), "two fragments have one producer timestamp"


def wait_for_fragments(server, stream, count, deadline_seconds=40, **range_arguments):
    """Waits until at least `count` fragments are listed and returns all that are."""

    def enough():
        listed = list_fragments(server, stream, **range_arguments)
        assert len(listed) >= count, f"{len(listed)} fragments are listed"
        return listed

    return eventually(enough, deadline_seconds, f"{count} fragments of {stream} are listed")


def get_media(server, stream, count=None, deadline_seconds=30, **selector):
    """Reads fragments by GetMedia: `count` of a live stream, or all until the server ends the answer."""
    client = data_client(server, "kinesis-video-media", stream, "GET_MEDIA")
    selector.setdefault("StartSelectorType", "EARLIEST")
    body = client.get_media(StreamName=stream, StartSelector=selector)["Payload"]
    found, data, deadline = [], bytearray(), time.monotonic() + deadline_seconds
    try:
        while count is None or len(found) < count:
            assert time.monotonic() < deadline, f"{len(found)} fragments of {stream} came within {deadline_seconds} s"
            piece = body.read(8192)
            if not piece:
                break
            data += piece
            if b"AWS_KINESISVIDEO_CONTINUATION_TOKEN" in data[-len(piece) - 64 :]:
                whole, length = matroska.complete_fragments(data)
                found += whole
                del data[:length]
    finally:
        body.close()
    whole, _ = matroska.complete_fragments(data)
    found += whole
    assert count is None or len(found) >= count, f"GetMedia ended after {len(found)} fragments of {stream}"
    return found if count is None else found[:count]


def fragment_number(document):
    return document.tag("AWS_KINESISVIDEO_FRAGMENT_NUMBER")
