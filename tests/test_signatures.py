"""Signatures as clients make them that nobody here wrote: curl, botocore's presigned requests; and how far clocks go."""

import hashlib
import json
import subprocess
import time
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

import processes
import signing
from streams import create_stream


def curl_as(server, key, path, body, service, *headers):
    """POSTs with `curl --aws-sigv4` and that (id, secret); returns (status, text of the body)."""
    command = [
        "curl", "--silent", "--show-error", "--max-time", "20", "--noproxy", "*",
        "--aws-sigv4", f"aws:amz:{signing.REGION}:{service}", "--user", ":".join(key),
        "--data-binary", body, "--write-out", "\n%{http_code}", server.url + path,
    ]  # fmt: skip
    for header in headers:
        command += ["--header", header]
    done = subprocess.run(command, env=processes.clean_environment(), capture_output=True, text=True, check=True)
    text, status = done.stdout.rsplit("\n", 1)
    return int(status), text


def curl(server, path, body, secret=None, service="kinesisvideo", headers=()):
    """POSTs JSON with the root key, or its id with another secret; returns (status, parsed body)."""
    key_id, own_secret = server.key()
    headers = ["Content-Type: application/json", *headers]
    status, text = curl_as(server, (key_id, secret or own_secret), path, json.dumps(body), service, *headers)
    return status, json.loads(text)


class BodyQueryAuth(botocore.auth.SigV4QueryAuth):
    """botocore's presigning, over a JSON body: its own would move the body into the query."""

    def __init__(self, credentials, expires, body):
        super().__init__(credentials, "kinesisvideo", signing.REGION, expires=expires)
        self.body = body

    def payload(self, request):
        return hashlib.sha256(self.body.encode()).hexdigest()


def presigned(server, path, body, expires=60, key=None, token=None):
    """A presigned POST of a JSON body, by botocore: the URL with its signature."""
    key_id, secret = key or server.key()
    credentials = botocore.credentials.Credentials(key_id, secret, token)
    request = botocore.awsrequest.AWSRequest("POST", server.url + path)
    BodyQueryAuth(credentials, expires, body).add_auth(request)
    return request.url


def post_presigned(url, body):
    """Sends it; returns (status, name of the exception if there is one)."""
    parts = urllib.parse.urlsplit(url)
    status, headers, _ = signing.post(parts.netloc, f"{parts.path}?{parts.query}", {"Host": parts.netloc}, body)
    return status, headers.get("x-amzn-errortype")


def test_curl_signs_calls_of_both_protocols(site):
    create_stream(site.server, "curl")
    status, answer = curl(site.server, "/describeStream", {"StreamName": "curl"})
    assert (status, answer["StreamInfo"]["StreamName"]) == (200, "curl")
    target = "X-Amz-Target: secretsmanager.CreateSecret"
    secret = {"Name": "curl", "SecretString": "{}", "ClientRequestToken": "0" * 32}
    status, answer = curl(site.server, "/", secret, service="secretsmanager", headers=[target])
    assert (status, answer.get("Name")) == (200, "curl"), answer


def test_curl_with_another_secret_gets_nothing(site):
    status, answer = curl(site.server, "/listStreams", {}, secret="another")
    assert status == 403
    assert answer["Message"].startswith("The request signature we calculated does not match")


def test_a_presigned_request_is_taken_as_it_was_signed(site):
    create_stream(site.server, "presigned")
    body = json.dumps({"StreamName": "presigned"})
    url = presigned(site.server, "/describeStream", body)
    assert post_presigned(url, body) == (200, None)
    refused = (403, "InvalidSignatureException")
    assert post_presigned(url, json.dumps({"StreamName": "another"})) == refused
    assert post_presigned(url.replace("X-Amz-Expires=60", "X-Amz-Expires=604800"), body) == refused
    assert post_presigned(url.replace("/describeStream", "/deleteStream"), body) == refused
    assert post_presigned(presigned(site.server, "/describeStream", body, expires=604_801), body) == (
        403,
        "IncompleteSignatureException",
    )


def test_a_session_token_that_nobody_gave_is_refused(site):
    url = presigned(site.server, "/listStreams", "{}", token="a token")
    assert post_presigned(url, "{}") == (403, "UnrecognizedClientException")


@pytest.mark.parametrize("option_seconds", [None, 30])
def test_clocks_may_differ_by_what_is_set_and_no_more(tmp_path, option_seconds):
    options = [] if option_seconds is None else ["--signature-skew-seconds", option_seconds]
    skew_seconds = option_seconds or 300
    with processes.Site(tmp_path) as site:
        processes.Daemon.start(site.server, ["server", *options])

        def status(offset_seconds):
            answer = signing.call(site.server, "/listStreams", "{}", at=time.time() + offset_seconds)
            return answer[0], answer[1].get("x-amzn-errortype")

        for offset_seconds in (-skew_seconds + 10, 0, skew_seconds - 10):
            assert status(offset_seconds) == (200, None), offset_seconds
        for offset_seconds in (-skew_seconds - 10, skew_seconds + 10):
            assert status(offset_seconds) == (403, "InvalidSignatureException"), offset_seconds


def test_curl_uses_a_real_session_token_and_no_other(site):
    create_stream(site.server, "curl-session")
    form = urllib.parse.urlencode({"Action": "GetSessionToken", "Version": "2011-06-15", "DurationSeconds": 900})
    key = site.server.key()
    done = curl_as(site.server, key, "/", form, "sts", "Content-Type: application/x-www-form-urlencoded")
    assert done[0] == 200, done

    def element(name):
        return done[1].split(f"<{name}>")[1].split("<")[0]

    session, token = (element("AccessKeyId"), element("SecretAccessKey")), element("SessionToken")
    body = json.dumps({"StreamName": "curl-session"})

    def describe(key, *headers):
        return curl_as(site.server, key, "/describeStream", body, "kinesisvideo", *headers)

    status, answer = describe(session, f"X-Amz-Security-Token: {token}")
    assert status == 200 and json.loads(answer)["StreamInfo"]["StreamName"] == "curl-session"
    # Base64 text with one letter changed, no token at all, and a token with a key that is not its own.
    other = token[:30] + ("A" if token[30] != "A" else "B") + token[31:]
    wrong = [(session, [f"X-Amz-Security-Token: {other}"]), (session, []), (key, [f"X-Amz-Security-Token: {token}"])]
    for credentials, headers in wrong:
        status, answer = describe(credentials, *headers)
        assert (status, json.loads(answer)["Message"]) == (403, "The security token included in the request is invalid.")
    status, answer = describe((session[0], "another"), f"X-Amz-Security-Token: {token}")
    assert status == 403 and "does not match" in json.loads(answer)["Message"]
