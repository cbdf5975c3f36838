"""A service that refuses uploads: what the agent says, what it waits out, and what it sets aside for good."""

import json
import time

import media
from link import agent_behind_link, refusal
from streams import agent_status, assert_nothing_twice, configure, list_fragments, start_ms, wait_for_fragments
from waiting import eventually

# How the service can refuse a PutMedia call, and what the uploader says about it.
REFUSALS = [
    (refusal(503, None, "{}"), "the service failed with HTTP status 503"),
    (refusal(400, "ClientLimitExceededException", "{}"), "the service limits requests"),
    (refusal(400, "ConnectionLimitExceededException", "{}"), "another producer is connected to this stream"),
    (refusal(400, "InvalidArgumentException", "{}"), "HTTP status 400 InvalidArgumentException"),
    (refusal(401, "NotAuthorizedException", "{}"), "the service denies the hub"),
    (refusal(404, "ResourceNotFoundException", "{}"), "the stream does not exist at the service"),
    (refusal(500, "InternalFailure", "{}"), "the service failed with HTTP status 500"),
]


def first_timecode_ms(body):
    """The timecode of the first fragment of a PutMedia body, once it is there: Cluster, then an 8-byte Timestamp."""
    cluster = body.find(b"\x1f\x43\xb6\x75")
    at = body.find(b"\xe7\x88", cluster)
    return int.from_bytes(body[at + 2 : at + 10]) if 0 <= cluster < at and len(body) >= at + 10 else None


def chunk(text):
    return f"{len(text):x}\r\n{text}\r\n".encode()


def test_http_refusals_are_said_and_waited_out(own_site):
    server = own_site.server
    left = list(REFUSALS)

    def refuses(head, connection):
        if head.startswith(b"POST /putMedia ") and left:
            connection.sendall(left.pop(0)[0])
            return True

    with agent_behind_link(own_site, answers=refuses) as (agent, _):
        camera = own_site.vigie_camera(media.h264_mp4())
        configure(server, agent, "refused", f"rtsp://{camera}/cam0")
        listed = wait_for_fragments(server, "refused", 3, deadline_seconds=90)
        assert not left
        assert_nothing_twice(listed)
        log = agent.process.log()
        for _, words in REFUSALS:
            assert log.count(words) == 1, words
        said = eventually(lambda: status(server, "refused", "uploading"), 60, "the uploader is well again")
        assert said["UploaderStatus"] == "SUCCESS"


def status(server, stream, words):
    _, said = agent_status(server, stream)
    return said if words in said.get("JobStatusDetails", "") else None


def test_a_fragment_that_is_refused_is_set_aside_through_a_kill(own_site):
    """4001 for the first fragment of the first connection; the service would take it afterwards."""
    server = own_site.server
    victims = []

    def refuses(head, connection):
        if victims or not head.startswith(b"POST /putMedia "):
            return False
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        body = head
        while (timecode := first_timecode_ms(body)) is None:
            body += connection.recv(65536)
        victims.append(timecode)
        error = {"EventType": "ERROR", "FragmentTimecode": timecode, "FragmentNumber": "", "ErrorId": 4001}
        connection.sendall(chunk(json.dumps(error) + "\n") + chunk(""))
        return True

    with agent_behind_link(own_site, answers=refuses) as (agent, _):
        camera = own_site.vigie_camera(media.h264_mp4())
        configure(server, agent, "aside", f"rtsp://{camera}/cam0", deletion={"DeleteAfterUpload": False})
        wait_for_fragments(server, "aside", 2, deadline_seconds=90)
        [victim] = victims
        details = "the service refused 1 fragments, the last with 4001 MAX_FRAGMENT_SIZE_REACHED"
        eventually(lambda: status(server, "aside", details), 60, "the refusal is said")
        # A hub gathers what it notes of fragments for a second. One that is killed before tries such a fragment once more.
        time.sleep(3)
        agent.kill()
        agent.start()
        before = len(list_fragments(server, "aside"))
        listed = wait_for_fragments(server, "aside", before + 2, deadline_seconds=90)
        assert_nothing_twice(listed)
        assert victim not in [start_ms(fragment) for fragment in listed]
        assert victim < min(start_ms(fragment) for fragment in listed)
