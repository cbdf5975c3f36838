"""Signs requests with botocore's own SigV4, in the ways real clients do it and in the ways nobody should."""

import datetime
import hashlib
import http.client
import json
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials

REGION = "us-east-1"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


class ProducerAuth(botocore.auth.SigV4Auth):
    """PutMedia as Amazon's C producer signs it: the hash of an empty body, no x-amz-content-sha256, Host without port.

    Every header is signed except those its library leaves out.
    """

    def payload(self, request):
        return EMPTY_SHA256

    def headers_to_sign(self, request):
        signed = http.client.HTTPMessage()
        for name, value in request.headers.items():
            lower = name.lower()
            if lower in ("connection", "host", "transfer-encoding", "user-agent") or lower.startswith("x-amz"):
                signed[lower] = value
        return signed


def sign(auth, request, at=None):
    """Adds x-amz-date and Authorization for the instant `at` (epoch seconds; now by default)."""
    instant = datetime.datetime.now(datetime.UTC) if at is None else datetime.datetime.fromtimestamp(at, datetime.UTC)
    request.context["timestamp"] = instant.strftime("%Y%m%dT%H%M%SZ")
    request.headers["X-Amz-Date"] = request.context["timestamp"]
    canonical = auth.canonical_request(request)
    signature = auth.signature(auth.string_to_sign(request, canonical), request)
    signed = auth.signed_headers(auth.headers_to_sign(request))
    request.headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={auth.scope(request)}, SignedHeaders={signed}, Signature={signature}"
    )


def call(
    server, path, body, key=None, at=None, service="kinesisvideo", headers=None, tamper=None, timeout=10, context=None
):
    """POSTs a JSON body signed by hand; `tamper` may change the signed request; over TLS with a `context` of it. Returns
    (status, headers, body)."""
    host = urllib.parse.urlsplit(server.url).netloc
    key_id, secret = key or server.key()
    credentials = botocore.credentials.Credentials(key_id, secret)
    request = botocore.awsrequest.AWSRequest(
        "POST", server.url + path, {"Host": host, "Content-Type": "application/json", **(headers or {})}, body
    )
    sign(botocore.auth.SigV4Auth(credentials, service, REGION), request, at)
    if tamper:
        tamper(request)
    return post(host, path, request.headers, request.data, timeout, context)


def post(host, path, headers, body, timeout=10, context=None):
    connection = (
        http.client.HTTPSConnection(host, timeout=timeout, context=context)
        if context
        else http.client.HTTPConnection(host, timeout=timeout)
    )
    try:
        connection.request("POST", path, body=body, headers=dict(headers.items()))
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def own_operation(server, path, **body):
    """An operation that boto3 does not know, with the root key."""
    status, _, answer = call(server, path, json.dumps(body).encode())
    assert status == 200, answer
    return json.loads(answer)
