"""Every constraint of the service models, broken one at a time: refused with the right exception, naming the member."""

import json

import pytest

import model
import signing

CASES = list(model.violations())


def exception(headers):
    return headers["x-amzn-errortype"].split(":")[0]


def post(site, operation, body, key=None):
    described = model.OPERATIONS[operation]
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    if described["service"] != "SecretsManager":
        return signing.call(site.server, described["address"], body, key=key)
    headers = {"X-Amz-Target": described["address"], "Content-Type": "application/x-amz-json-1.1"}
    return signing.call(site.server, "/", body, key=key, service="secretsmanager", headers=headers)


def expected(operation, label, wrong_type):
    described = model.OPERATIONS[operation]
    if described["service"] == "SecretsManager":
        return "SerializationException" if wrong_type else "InvalidParameterException"
    if label == "StreamARN" and not wrong_type and "InvalidResourceFormatException" in described["errors"]:
        return "InvalidResourceFormatException"
    return "InvalidArgumentException"


def test_the_models_are_covered_as_a_whole():
    of_control_plane = [name for name, one in model.OPERATIONS.items() if one["service"] == "KinesisVideo"]
    assert len(of_control_plane) == 20
    assert {operation for operation, *_ in CASES} == set(model.OPERATIONS)
    assert len(CASES) > 700


@pytest.mark.parametrize(
    ("operation", "label", "member", "what", "body", "wrong_type"),
    CASES,
    ids=[f"{operation}-{label}-{what}" for operation, label, _, what, _, _ in CASES],
)
def test_a_broken_constraint_is_refused(site, operation, label, member, what, body, wrong_type):
    status, headers, answer = post(site, operation, body)
    assert (status, exception(headers)) == (400, expected(operation, label, wrong_type)), answer
    parsed = json.loads(answer)
    message = parsed["message" if model.OPERATIONS[operation]["service"] == "SecretsManager" else "Message"]
    assert member in message, "the refusal names what is wrong"
    assert headers["x-amzn-requestid"]


UNREADABLE = {
    "cut-off": b'{"StreamName": ',
    "not-json": b"StreamName=porch",
    "not-utf-8": b'{"StreamName": "\xff\xfe"}',
    "an-array": b"[]",
    "a-number": b"7",
    "two-values": b"{} {}",
    "too-deep": b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}",
    "too-large": b'{"a": "' + b"a" * (1 << 20) + b'"}',
    "much-too-large": b" " * (3 << 20),
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
@pytest.mark.parametrize("operation", model.OPERATIONS)
def test_a_body_that_cannot_be_read_is_refused(site, operation, body):
    status, headers, answer = post(site, operation, body)
    assert (status, exception(headers)) == (400, expected(operation, "", True)), answer
    assert isinstance(json.loads(answer), dict)
