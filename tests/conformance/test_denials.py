"""What a key may not do, and what goes beyond AWS's rates: refused with each operation's own exception."""

import json
import re
import subprocess

import pytest

import model
import processes
import signing
from test_constraints import exception, post

DENIALS = ("NotAuthorizedException", "AccessDeniedException")
NOTHING = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "cloudwatch:PutMetricData", "Resource": "*"}],
}
# Sound bodies that name no stream, so that only the rate of the whole account can stop them.
CALLS_MAX = 2000
LIMITED = [
    name
    for name, one in model.OPERATIONS.items()
    if one["service"] == "KinesisVideo" and "ClientLimitExceededException" in one["errors"]
]


# Where rules between members make the body with every member unsound.
BODIES = {
    "UpdateImageGenerationConfiguration": {"StreamName": "nobody"},
    "UpdateNotificationConfiguration": {"StreamName": "nobody"},
    "CreateSecret": {"Name": "nobody", "SecretString": "nothing"},
    "PutSecretValue": {"SecretId": "nobody", "SecretString": "nothing"},
    "DeleteSecret": {"SecretId": "nobody"},
}


def body_of(operation):
    body = BODIES.get(operation) or model.sound("", model.OPERATIONS[operation]["input"])
    return json.dumps(body).encode()


@pytest.fixture(scope="module")
def powerless(site):
    """The key of somebody who may do nothing here."""
    policy = site.folder / "nothing.json"
    policy.write_text(json.dumps(NOTHING))
    command = [processes.VIGIE, "keys", "create", "--json", "--policy", policy, "--data-dir", site.server.data_dir]
    made = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=30).stdout)
    return made["AccessKeyId"], made["SecretAccessKey"]


@pytest.mark.parametrize("operation", model.OPERATIONS)
def test_a_key_that_may_not_is_refused_by_the_operation_s_own_exception(site, powerless, operation):
    described = model.OPERATIONS[operation]
    expected = [name for name in DENIALS if name in described["errors"]]
    status, headers, answer = post(site, operation, body_of(operation), key=powerless)
    assert status == 403, answer
    assert exception(headers) in (expected or DENIALS), answer
    parsed = json.loads(answer)
    message = parsed.get("Message") or parsed["message"]
    prefix = "secretsmanager" if described["service"] == "SecretsManager" else "kinesisvideo"
    assert re.search(rf"^User: arn:\S+ is not authorized to perform: {prefix}:{operation} on resource: \S+", message)


@pytest.fixture(scope="module")
def limited_site(tmp_path_factory):
    with processes.Site(tmp_path_factory.mktemp("limited")) as site:
        processes.Daemon.start(site.server, ["server"], {"VIGIE_RATE_LIMITS": "aws"})
        yield site


@pytest.mark.parametrize("operation", LIMITED)
def test_calls_beyond_aws_s_rate_are_refused_until_they_are_slower(limited_site, operation):
    body = body_of(operation)
    for _ in range(CALLS_MAX):
        status, headers, answer = signing.call(limited_site.server, model.OPERATIONS[operation]["address"], body)
        if status == 400 and exception(headers) == "ClientLimitExceededException":
            assert json.loads(answer)["Message"]
            return
        assert status < 500, answer
    pytest.fail(f"{CALLS_MAX} calls in a row were let through")


def test_one_key_s_limit_harms_no_other_key(limited_site):
    command = [processes.VIGIE, "keys", "create", "--root", "--json", "--data-dir", limited_site.server.data_dir]
    made = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=30).stdout)
    other = (made["AccessKeyId"], made["SecretAccessKey"])
    body = json.dumps({"StreamName": "nobody-else"}).encode()

    def describe(key=None):
        _, headers, _ = signing.call(limited_site.server, "/describeStream", body, key=key)
        return exception(headers)

    assert "ClientLimitExceededException" in [describe() for _ in range(CALLS_MAX // 10)]
    assert describe(other) == "ResourceNotFoundException"
