"""A hub is asked through the server: a camera is tried, and a secret that changes is read and used within seconds."""

import base64
import json
import threading
import time

import pytest

import media
from processes import free_port, http_get
from signing import call, own_operation
from streams import (
    agent_status,
    configure,
    create_camera_secret,
    end_ms,
    list_fragments,
    start_ms,
    wait_for_fragments,
    wait_in_sync,
)
from waiting import eventually

PASSWORD = "c0rrect-h0rse"
HUB = "arn:aws:iot:us-east-1:000000000000:thing/older"


@pytest.fixture(scope="module")
def hub(site):
    """A hub, a camera that asks for a password, and another one at another address."""
    site.camera = site.vigie_camera(media.h264_mp4(), user="admin", password=PASSWORD)
    site.other_camera = site.vigie_camera(media.h264_mp4(), name="other")
    site.hub = site.agent()
    site.hub.start()
    # It has called once.
    eventually(lambda: own_operation(site.server, "/listHubs")["Hubs"], 20, "the hub has called")
    return site


def uri(site, password=PASSWORD):
    return f"rtsp://admin:{password}@{site.camera}/cam0"


def ask(site, **address):
    body = json.dumps({"HubDeviceArn": site.hub.hub_device_arn, **address}).encode()
    status, headers, answer = call(site.server, "/testCamera", body, timeout=60)
    return status, headers.get("x-amzn-errortype"), json.loads(answer)


def try_camera(site, **address):
    """The answer; a hub is asked twice a second at most."""

    def answered():
        status, error, answer = ask(site, **address)
        assert error != "ClientLimitExceededException", answer
        return status, answer

    status, answer = eventually(answered, 10, "the hub may be asked")
    assert status == 200, answer
    return answer


def frames_of(site, stream):
    """Frames that the hub has written of a stream."""
    _, metrics = http_get(f"{site.hub.url}/metrics")
    line = next(line for line in metrics.splitlines() if line.startswith(f'vigie_agent_frames_total{{stream="{stream}"'))
    return float(line.split()[-1])


def put_secret(site, stream, address):
    site.server.client("secretsmanager").put_secret_value(
        SecretId=f"{stream}-camera", SecretString=json.dumps({"MediaURI": address})
    )


def test_a_corrected_password_is_recorded_within_five_seconds(hub):
    configure(hub.server, hub.hub, "corrected", uri(hub, "wrong-one"))

    def refused():
        recorder, _ = agent_status(hub.server, "corrected")
        return "password" in recorder.get("JobStatusDetails", "")

    eventually(refused, 40, "the recorder says that the password is wrong")
    # The longer it is refused, the longer it waits; that is over at once.
    time.sleep(10)
    put_secret(hub, "corrected", uri(hub))
    before = time.monotonic()
    eventually(lambda: frames_of(hub, "corrected") > 0, 5, "frames are recorded", interval_seconds=0.05)
    print(f"recorded {time.monotonic() - before:.2f} s after PutSecretValue")
    wait_for_fragments(hub.server, "corrected", 2)


def test_another_address_ends_the_open_session_and_the_same_one_does_not(hub):
    configure(hub.server, hub.hub, "moved", uri(hub))
    wait_in_sync(hub.server, "moved")
    wait_for_fragments(hub.server, "moved", 2)
    put_secret(hub, "moved", uri(hub))
    put_secret(hub, "moved", f"rtsp://{hub.other_camera}/cam0")
    changed_ms = time.time() * 1000

    def moved():
        return any(start_ms(fragment) > changed_ms for fragment in list_fragments(hub.server, "moved"))

    eventually(moved, 10, "the other camera is recorded")
    listed = wait_for_fragments(hub.server, "moved", len(list_fragments(hub.server, "moved")) + 2)
    pairs = zip(listed, listed[1:])
    holes = [start_ms(later) - end_ms(earlier) for earlier, later in pairs]
    holes = [hole for hole in holes if hole > 100]
    print(f"holes: {holes} ms")
    # One, while the other camera is connected to and sends its first key frame.
    assert len(holes) <= 1 and all(hole < 4000 for hole in holes), holes


def test_a_camera_that_works_is_shown(hub):
    answer = try_camera(hub, MediaUri=uri(hub))
    assert (answer["Connected"], answer["JobStatus"]) == (True, "SUCCESS"), answer
    video = [track for track in answer["Tracks"] if track["TrackType"] == "VIDEO"]
    assert [track["CodecId"] for track in video] == ["V_MPEG4/ISO/AVC"]
    assert video[0]["WidthPixels"] > 0 and "CodecPrivateData" not in video[0]
    steps = [step["Step"] for step in answer["Steps"]]
    assert steps == ["CONNECT", "DESCRIBE", "SETUP", "KEY_FRAME"]
    picture = base64.b64decode(answer["ImageContent"])
    assert picture.startswith(b"\xff\xd8") and picture.endswith(b"\xff\xd9")

    arn = create_camera_secret(hub.server, "tried-camera", uri(hub))
    answer = try_camera(hub, MediaUriSecretArn=arn)
    assert answer["Connected"] and answer["Steps"][0]["Step"] == "READ_SECRET", answer


def test_what_is_wrong_is_said_in_the_recorder_s_words(hub):
    recorder, _ = agent_status(hub.server, "corrected")
    assert recorder["RecorderStatus"] == "SUCCESS"
    answer = try_camera(hub, MediaUri=uri(hub, "wrong-one"))
    assert (answer["Connected"], answer["JobStatus"]) == (False, "USER_ERROR")
    assert "refuses the user name or password" in answer["JobStatusDetails"]
    assert "ImageContent" not in answer
    answer = try_camera(hub, MediaUri=f"rtsp://127.0.0.1:{free_port()}/cam0")
    assert (answer["Connected"], answer["JobStatus"]) == (False, "SYSTEM_ERROR")
    assert "refuses connections" in answer["JobStatusDetails"]
    answer = try_camera(hub, MediaUri="rtsp://no-such-host.invalid/cam0")
    assert (answer["Connected"], answer["JobStatus"]) == (False, "SYSTEM_ERROR")
    answer = try_camera(hub, MediaUri="file:///etc/passwd")
    assert (answer["Connected"], answer["JobStatus"]) == (False, "USER_ERROR")
    arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:forgotten-AbCdEf"
    answer = try_camera(hub, MediaUriSecretArn=arn)
    assert "does not exist" in answer["JobStatusDetails"]


def test_a_recording_goes_on_beside_a_test(hub):
    before = len(list_fragments(hub.server, "corrected"))
    for _ in range(3):
        assert try_camera(hub, MediaUri=uri(hub))["Connected"]
    listed = wait_for_fragments(hub.server, "corrected", before + 3)
    for earlier, later in zip(listed[before:], listed[before + 1 :]):
        assert abs(start_ms(later) - end_ms(earlier)) < 100


def test_an_older_hub_is_said_to_be_older(hub):
    own_operation(hub.server, "/syncEdgeAgent", HubDeviceArn=HUB, AgentVersion="0.1.0", WaitSeconds=0, Streams=[])
    body = json.dumps({"HubDeviceArn": HUB, "MediaUri": uri(hub)}).encode()
    # It calls again while somebody asks, as hubs do.
    def calls():
        own_operation(hub.server, "/syncEdgeAgent", HubDeviceArn=HUB, AgentVersion="0.1.0", WaitSeconds=1, Streams=[])

    calling = threading.Timer(0.5, calls)
    calling.start()
    status, headers, answer = call(hub.server, "/testCamera", body, timeout=60)
    calling.join()
    assert (status, headers["x-amzn-errortype"]) == (400, "HubRequestNotSupportedException"), answer
    assert "0.1.0" in json.loads(answer)["Message"]


def test_a_hub_that_is_gone_is_said_to_be_within_ten_seconds(hub):
    other = hub.agent("gone")
    other.start()

    def arns():
        return [one["HubDeviceArn"] for one in own_operation(hub.server, "/listHubs")["Hubs"]]

    eventually(lambda: other.hub_device_arn in arns(), 20, "the hub has called")
    other.kill()
    body = json.dumps({"HubDeviceArn": other.hub_device_arn, "MediaUri": uri(hub)}).encode()
    before = time.monotonic()
    status, headers, answer = call(hub.server, "/testCamera", body, timeout=60)
    assert (status, headers["x-amzn-errortype"]) == (400, "HubNotInContactException"), answer
    assert time.monotonic() - before < 12


def test_no_log_shows_an_address(hub):
    for process in hub.processes:
        assert PASSWORD not in process.log() and "wrong-one" not in process.log(), f"{process.name} prints a password"
    # What the API shows has all lines; the file's own bytes are looked at, for the API gives only what it knows.
    assert "TestCamera" in json.dumps(own_operation(hub.server, "/listAuditEvents"))
    audit = (hub.server.data_dir / "audit.jsonl").read_text()
    assert "TestCamera" in audit and PASSWORD not in audit and "wrong-one" not in audit
