"""Requests that are not rightly signed: 403, a proper error, and nothing done."""

import json
import time

import pytest

import media
import put_media
import signing
from streams import configure, create_stream, list_fragments, refused, sync_status
from waiting import eventually

UNKNOWN_KEY = ("AKIAUNKNOWN000000000", "not-a-secret-of-anyone")


def streams_of(site):
    return {info["StreamName"] for info in site.server.client("kinesisvideo").list_streams()["StreamInfoList"]}


def create_body(name):
    return json.dumps({"StreamName": name, "DataRetentionInHours": 1}).encode()


def assert_refused(answer):
    status, headers, body = answer
    assert status == 403, body
    assert headers["x-amzn-errortype"].split(":")[0].endswith("Exception")
    assert json.loads(body)["Message"]
    return headers["x-amzn-errortype"].split(":")[0]


def test_a_request_signed_by_hand_is_accepted_so_that_the_refusals_below_mean_something(site):
    status, _, body = signing.call(site.server, "/createStream", create_body("by-hand"))
    assert (status, "by-hand" in json.loads(body)["StreamARN"]) == (200, True)


def test_a_wrong_secret_key_is_refused_and_nothing_is_done(site):
    key_id, _ = site.server.key()
    with refused(status=403):
        client = site.server.client("kinesisvideo", key=(key_id, "wrong"))
        client.create_stream(StreamName="wrong-secret", DataRetentionInHours=1)
    assert "wrong-secret" not in streams_of(site)


def test_an_unknown_key_is_refused_and_nothing_is_done(site):
    assert_refused(signing.call(site.server, "/createStream", create_body("unknown-key"), key=UNKNOWN_KEY))
    with refused(status=403):
        site.server.client("secretsmanager", key=UNKNOWN_KEY).create_secret(Name="unknown-key", SecretString="x")
    assert "unknown-key" not in streams_of(site)
    secrets = site.server.client("secretsmanager").list_secrets()["SecretList"]
    assert "unknown-key" not in {secret["Name"] for secret in secrets}


@pytest.mark.parametrize("shift_minutes", [-30, 30, -24 * 60])
def test_a_clock_that_is_far_off_is_refused_and_nothing_is_done(site, shift_minutes):
    name = f"skewed{shift_minutes}"
    at = time.time() + shift_minutes * 60
    assert_refused(signing.call(site.server, "/createStream", create_body(name), at=at))
    assert name not in streams_of(site)


@pytest.mark.parametrize("shift_seconds", [-120, 120])
def test_a_clock_that_is_two_minutes_off_is_accepted(site, shift_seconds):
    answer = signing.call(site.server, "/listStreams", b"{}", at=time.time() + shift_seconds)
    assert answer[0] == 200, answer


def change_body(request):
    request.data = create_body("tampered")


def change_date(request):
    request.headers.replace_header("X-Amz-Date", "20200101T000000Z")


def drop_signature(request):
    del request.headers["Authorization"]


def garble_signature(request):
    request.headers.replace_header("Authorization", request.headers["Authorization"][:-1] + "?")


def other_scope(request):
    value = request.headers["Authorization"].replace("/kinesisvideo/", "/s3/")
    request.headers.replace_header("Authorization", value)


@pytest.mark.parametrize("tamper", [change_body, change_date, drop_signature, garble_signature, other_scope])
def test_a_request_changed_after_it_was_signed_is_refused_and_nothing_is_done(site, tamper):
    body = create_body(f"before-{tamper.__name__}")
    status, _, answer = signing.call(site.server, "/createStream", body, tamper=tamper)
    # Without any signature, and with one that is no signature, AWS answers 403 as well.
    assert status == 403, answer
    assert not {"tampered", f"before-{tamper.__name__}"} & streams_of(site)


def test_put_media_with_a_wrong_key_is_refused_before_any_media_is_taken(site):
    create_stream(site.server, "guarded")
    capture = put_media.capture("kvssink_http")
    key_id, _ = site.server.key()
    for key in (UNKNOWN_KEY, (key_id, "wrong")):
        with put_media.Upload(site.server, "guarded", capture, key=key) as upload:
            assert upload.status == 403
    assert list_fragments(site.server, "guarded") == []


def test_get_media_with_a_wrong_key_is_refused(site):
    create_stream(site.server, "unread")
    client = site.server.client("kinesis-video-media", key=UNKNOWN_KEY)
    with refused(status=403):
        client.get_media(StreamName="unread", StartSelector={"StartSelectorType": "EARLIEST"})


def test_an_agent_with_a_wrong_key_gets_nothing_and_says_why(own_site):
    """Its configuration stays SYNCING; its log names the refusal without the key's secret."""
    agent = own_site.agent()
    wrong = own_site.folder / "wrong-credentials"
    wrong.write_text("[default]\naws_access_key_id = AKIAUNKNOWN000000000\naws_secret_access_key = hush-hush-hush\n")
    camera = own_site.vigie_camera(media.h264_mp4())
    configure(own_site.server, agent, "stranger", f"rtsp://{camera}/cam0")
    agent.start(credentials_path=wrong, ready=False)
    eventually(lambda: "WARN" in agent.process.log() or "ERROR" in agent.process.log(), 30, "the log says why")
    assert "hush-hush-hush" not in agent.process.log()
    assert sync_status(own_site.server, "stranger") == "SYNCING"
