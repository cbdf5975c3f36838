"""A producer: replays what Amazon's producers were seen to send, over a raw socket, reading acknowledgements meanwhile.

A capture is four files in tests/fixtures: NAME.http (request head), NAME.mkv (the body), NAME.chunks (arrival time and
size of each HTTP chunk) and NAME.acks (what it was answered). The signature is made anew; all else is sent as it was.
"""

import dataclasses
import json
import pathlib
import queue
import socket
import threading
import time
import urllib.parse

import botocore.awsrequest
import botocore.credentials

import matroska
import signing

FIXTURES = pathlib.Path(__file__).parent / "fixtures"
CAPTURES = sorted(path.stem for path in FIXTURES.glob("*.http"))
# The captures carry the time they were made at; ten years keep them.
RETENTION_HOURS = 87_600


@dataclasses.dataclass(frozen=True)
class Capture:
    headers: dict[str, str]
    chunks: list[bytes]
    document: matroska.Document

    def producer_starts_ms(self):
        """The producer timestamps of its fragments, epoch ms."""
        relative = self.headers["x-amzn-fragment-timecode-type"] == "RELATIVE"
        base = round(float(self.headers["x-amzn-producer-start-timestamp"]) * 1000) if relative else 0
        return [base + round(cluster.timestamp_ms) for cluster in self.document.clusters]


def capture(name):
    """Reads the capture `name` of tests/fixtures."""
    lines = (FIXTURES / f"{name}.http").read_text().splitlines()[1:]
    headers = dict(line.split(": ", 1) for line in lines if line)
    body = (FIXTURES / f"{name}.mkv").read_bytes()
    chunks, at = [], 0
    for line in (FIXTURES / f"{name}.chunks").read_text().splitlines():
        size = int(line.split()[1])
        if size:
            chunks.append(body[at : at + size])
            at += size
    assert at == len(body), f"{name}.chunks covers {at} of {len(body)} bytes"
    (document,) = matroska.documents(body)
    return Capture(headers, chunks, document)


def recorded(path, start_seconds, change=lambda body: body):
    """A Matroska file as a capture, its time starting at `start_seconds` of the epoch; `change` alters its bytes."""
    body = change(pathlib.Path(path).read_bytes())
    headers = {
        "content-type": "application/json",
        "transfer-encoding": "chunked",
        "x-amzn-fragment-acknowledgment-required": "1",
        "x-amzn-fragment-timecode-type": "RELATIVE",
        "x-amzn-producer-start-timestamp": f"{start_seconds:.3f}",
    }
    (document,) = matroska.documents(body)
    return Capture(headers, [body[at : at + 65536] for at in range(0, len(body), 65536)], document)


def put(server, stream, capture):
    """Sends a capture whole and waits until all of its fragments are persisted."""
    with Upload(server, stream, capture) as upload:
        assert upload.status == 200, upload.headers
        upload.send_all(capture.chunks)
        upload.finish()
        persisted = upload.of("PERSISTED")
        assert len(persisted) == len(capture.document.clusters), upload.acknowledgements


def signed_head(server, stream, recorded_headers, key=None, headers=None, drop=()):
    """The head of a PutMedia request, signed now."""
    host = urllib.parse.urlsplit(server.url).hostname
    key_id, secret = key or server.key()
    # Amazon's producers send and sign Host without the port.
    changed = {"Host": host, "x-amzn-stream-name": stream, **(headers or {})}
    out = {name.lower() for name in ("Authorization", "X-Amz-Date", *changed, *drop)}
    sent = {name: value for name, value in recorded_headers.items() if name.lower() not in out}
    sent.update(changed)
    request = botocore.awsrequest.AWSRequest("POST", f"http://{host}/putMedia", sent)
    credentials = botocore.credentials.Credentials(key_id, secret)
    signing.sign(signing.ProducerAuth(credentials, "kinesisvideo", signing.REGION), request)
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    return f"POST /putMedia HTTP/1.1\r\n{head}\r\n".encode()


class Upload:
    """One PutMedia request. Acknowledgements are collected while chunks are sent."""

    def __init__(self, server, stream, recorded, key=None, headers=None, drop=()):
        address = urllib.parse.urlsplit(server.url)
        head = signed_head(server, stream, recorded.headers, key, headers, drop)
        self.acknowledgements = []
        self.status = None
        self.ended = None  # how the answer ended: "complete" or "cut"
        self._arrived = queue.Queue()
        self._socket = socket.create_connection((address.hostname, address.port), timeout=30)
        self._reader = self._socket.makefile("rb")
        self._socket.sendall(head)
        self.continued = False
        self._read_head()
        self._thread = threading.Thread(target=self._read_acknowledgements, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_failure):
        self.cut()

    def _read_head(self):
        """Reads status and headers; an interim 100 comes first where the producer asked for it."""
        while True:
            status = int(self._reader.readline().split()[1])
            headers = {}
            while line := self._reader.readline().strip():
                name, _, value = line.decode().partition(":")
                headers[name.lower()] = value.strip()
            if status != 100:
                self.status, self.headers = status, headers
                return
            self.continued = True

    def _read_acknowledgements(self):
        """Each acknowledgement must lie whole in one HTTP chunk (aws-samples' embedded producer needs that)."""
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            self.ended = "not chunked"
            return
        try:
            while size := int(self._reader.readline(), 16):
                for line in self._reader.read(size).decode().splitlines():
                    if line:
                        acknowledgement = json.loads(line)
                        self.acknowledgements.append(acknowledgement)
                        self._arrived.put(acknowledgement)
                self._reader.readline()
            self.ended = "complete"
        except (OSError, ValueError):
            self.ended = "cut"

    def send(self, data):
        self._socket.sendall(b"%X\r\n" % len(data) + data + b"\r\n")

    def send_all(self, chunks):
        for chunk in chunks:
            self.send(chunk)

    def wait_for(self, kind, count=1, deadline_seconds=20):
        """Waits until `count` acknowledgements of this kind have come; returns them."""
        deadline = time.monotonic() + deadline_seconds
        while True:
            found = self.of(kind)
            if len(found) >= count:
                return found
            try:
                self._arrived.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(
                    f"{len(found)} of {count} {kind} within {deadline_seconds} s: {self.acknowledgements}"
                ) from None

    def of(self, kind):
        return [ack for ack in self.acknowledgements if ack["EventType"] == kind]

    def finish(self, deadline_seconds=20):
        """Ends the body and waits for the end of the answer."""
        self._socket.sendall(b"0\r\n\r\n")
        self._thread.join(deadline_seconds)
        assert not self._thread.is_alive(), f"the answer did not end within {deadline_seconds} s"
        assert self.ended == "complete", f"the answer was {self.ended}"

    def wait_for_end(self, deadline_seconds=20):
        """Waits until nothing more can come, after `cut` or a server's end."""
        self._thread.join(deadline_seconds)

    def cut(self):
        """Breaks the connection, as a producer that loses power does."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the server was first
        self._socket.close()
