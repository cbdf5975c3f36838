"""PutMedia as Amazon's own producers speak it, replayed from captures: acknowledgements, storage, reading back."""

import json
import time

import pytest

import matroska
import put_media
from put_media import CAPTURES, RETENTION_HOURS
from streams import create_stream, fragment_number, get_media, list_fragments, start_ms


def acknowledged_then(name):
    """What the producer was answered when it was captured: (kind, timecode) in order."""
    lines = (put_media.FIXTURES / f"{name}.acks").read_text().splitlines()
    found = [json.loads(line.split(" ", 1)[1]) for line in lines if line]
    return [(ack["EventType"], ack["FragmentTimecode"]) for ack in found]


def per_fragment(acknowledgements):
    """Kinds in order for each timecode: a fragment's BUFFERING may overtake its predecessor's PERSISTED."""
    found = {}
    for kind, timecode in acknowledgements:
        found.setdefault(timecode, []).append(kind)
    return found


@pytest.mark.parametrize("name", CAPTURES)
def test_a_producer_s_fragments_are_acknowledged_in_order_and_come_back_with_every_byte(site, name):
    stream = f"replay-{name}"
    create_stream(site.server, stream, RETENTION_HOURS)
    capture = put_media.capture(name)
    clusters = capture.document.clusters
    before = time.time()
    with put_media.Upload(site.server, stream, capture) as upload:
        assert upload.status == 200
        upload.send_all(capture.chunks)
        upload.finish()

    kinds = ["BUFFERING", "RECEIVED", "PERSISTED"]
    got = [(ack["EventType"], ack["FragmentTimecode"]) for ack in upload.acknowledgements]
    assert set(got) == set(acknowledged_then(name))
    assert per_fragment(got) == {round(cluster.timestamp_ms): kinds for cluster in clusters}
    for kind in kinds:
        numbers = [ack["FragmentNumber"] for ack in upload.of(kind)]
        assert numbers == sorted(set(numbers)) and len(numbers) == len(clusters)

    listed = list_fragments(site.server, stream)
    assert [fragment["FragmentNumber"] for fragment in listed] == [a["FragmentNumber"] for a in upload.of("PERSISTED")]
    assert [start_ms(fragment) for fragment in listed] == capture.producer_starts_ms()
    for fragment in listed:
        assert before - 1 <= fragment["ServerTimestamp"].timestamp() <= time.time() + 1

    delivered = get_media(site.server, stream)
    assert [fragment_number(document) for document in delivered] == [f["FragmentNumber"] for f in listed]
    for document, sent in zip(delivered, clusters, strict=True):
        (cluster,) = document.clusters
        assert cluster.frames == sent.frames, "a frame differs"
        assert cluster.raw == sent.raw, "the cluster was rewritten"
        assert document.tracks == capture.document.tracks


def test_a_producer_that_waits_for_persisted_before_it_ends_is_not_kept_waiting(site):
    """The C SDK sends AWS_KINESISVIDEO_END_OF_FRAGMENT at its end and ends the body only after PERSISTED."""
    create_stream(site.server, "waits", RETENTION_HOURS)
    capture = put_media.capture("kvssink_http")
    assert ("AWS_KINESISVIDEO_END_OF_FRAGMENT", "") in capture.document.tags
    with put_media.Upload(site.server, "waits", capture) as upload:
        upload.send_all(capture.chunks)
        upload.wait_for("PERSISTED", len(capture.document.clusters), deadline_seconds=5)
        upload.finish()


def test_acknowledgements_come_while_the_body_is_still_being_sent(site):
    create_stream(site.server, "live", RETENTION_HOURS)
    capture = put_media.capture("kvssink_http")
    body = b"".join(capture.chunks)
    second = body.index(capture.document.clusters[1].raw[:16])
    with put_media.Upload(site.server, "live", capture) as upload:
        upload.send(capture.document.header + capture.document.clusters[0].raw[:2000])
        upload.wait_for("BUFFERING", 1, deadline_seconds=5)
        assert upload.of("RECEIVED") == []
        upload.send(body[len(capture.document.header) + 2000 : second + 200])
        upload.wait_for("PERSISTED", 1, deadline_seconds=5)
        assert upload.of("ERROR") == []


def test_a_producer_that_asks_first_is_told_to_continue(site):
    create_stream(site.server, "asks", RETENTION_HOURS)
    capture = put_media.capture("kvssink_http")
    with put_media.Upload(site.server, "asks", capture) as upload:
        assert upload.continued and upload.status == 200
    with put_media.Upload(site.server, "asks", capture, drop=("Expect",)) as upload:
        assert not upload.continued and upload.status == 200


def test_a_fragment_cut_in_the_middle_is_not_kept_and_whole_ones_are(site):
    create_stream(site.server, "cut", RETENTION_HOURS)
    capture = put_media.capture("kvssink_http")
    body = b"".join(capture.chunks)
    third = capture.document.clusters[2]
    middle = body.index(third.raw[:16]) + len(third.raw) // 2
    with put_media.Upload(site.server, "cut", capture) as upload:
        upload.send(body[:middle])
        upload.wait_for("PERSISTED", 2)
        upload.cut()
    listed = list_fragments(site.server, "cut")
    assert [start_ms(f) for f in listed] == [round(c.timestamp_ms) for c in capture.document.clusters[:2]]

    # The producer comes back and goes on; the stream takes it at once.
    with put_media.Upload(site.server, "cut", capture) as upload:
        assert upload.status == 200
        upload.send_all([capture.document.header, body[body.index(third.raw[:16]) :]])
        upload.finish()
    delivered = get_media(site.server, "cut")
    raw = [document.clusters[0].raw for document in delivered]
    assert raw == [cluster.raw for cluster in capture.document.clusters]


GARBAGE = {
    "from-the-start": b"this is not Matroska at all, not a word of it" * 20,
    "after-the-header": put_media.capture("kvssink_http").document.header + bytes(400),
}


@pytest.mark.parametrize("place, body", GARBAGE.items(), ids=GARBAGE)
def test_what_is_not_matroska_is_answered_with_error_4006(site, place, body):
    stream = f"garbage-{place}"
    create_stream(site.server, stream, RETENTION_HOURS)
    with put_media.Upload(site.server, stream, put_media.capture("kvssink_http")) as upload:
        assert upload.status == 200
        upload.send(body)
        (error,) = upload.wait_for("ERROR")
        assert (error["ErrorId"], error["ErrorCode"]) == (4006, "INVALID_MKV_DATA")
    assert list_fragments(site.server, stream) == []


def test_a_fragment_that_goes_back_in_time_is_answered_with_error_4004(site):
    create_stream(site.server, "backwards", RETENTION_HOURS)
    capture = put_media.capture("kvssink_http")
    first, second = capture.document.clusters[:2]
    with put_media.Upload(site.server, "backwards", capture) as upload:
        upload.send_all([capture.document.header, second.raw, first.raw, second.raw])
        error = upload.wait_for("ERROR")[0]
    assert (error["ErrorId"], error["ErrorCode"]) == (4004, "FRAGMENT_TIMECODE_LESSER_THAN_PREVIOUS")


@pytest.mark.parametrize(
    "headers, status, error",
    [
        ({"x-amzn-stream-name": "no-such-stream"}, 404, "ResourceNotFoundException"),
        ({"x-amzn-stream-name": "not a name!"}, 400, "InvalidArgumentException"),
        ({"x-amzn-fragment-timecode-type": "SIDEWAYS"}, 400, "InvalidArgumentException"),
    ],
    ids=["unknown-stream", "no-name", "no-timecode-type"],
)
def test_a_request_that_cannot_be_served_is_refused_with_a_plain_answer(site, headers, status, error):
    server = site.server
    if "refusing" not in {s["StreamName"] for s in server.client("kinesisvideo").list_streams()["StreamInfoList"]}:
        create_stream(server, "refusing")
    with put_media.Upload(server, "refusing", put_media.capture("kvssink_http"), headers=headers) as upload:
        assert upload.status == status
        assert upload.headers["x-amzn-errortype"].split(":")[0] == error


def test_what_was_acknowledged_as_persisted_survives_kill_9_of_the_server(own_site):
    server = own_site.server
    capture = put_media.capture("kvssink_http")
    body = b"".join(capture.chunks)
    persisted = {}
    # Each round is killed at another point of the upload, right after an acknowledgement came.
    for number, wait_for_count in enumerate((1, 3, 5, 7)):
        stream = f"killed{number}"
        create_stream(server, stream, RETENTION_HOURS)
        clusters = capture.document.clusters
        until = body.index(clusters[wait_for_count].raw[:16]) + 500
        with put_media.Upload(server, stream, capture) as upload:
            upload.send(body[:until])
            upload.wait_for("PERSISTED", wait_for_count)
            server.kill()
            persisted[stream] = [ack["FragmentNumber"] for ack in upload.of("PERSISTED")]
        server.start()
        for earlier, numbers in persisted.items():
            listed = [fragment["FragmentNumber"] for fragment in list_fragments(server, earlier)]
            assert listed[: len(numbers)] == numbers, f"{earlier}: persisted and gone"
            delivered = get_media(server, earlier)
            raw = [document.clusters[0].raw for document in delivered]
            assert raw == [cluster.raw for cluster in clusters[: len(raw)]] and len(raw) >= len(numbers)


def test_two_streams_upload_side_by_side_without_mixing(site):
    captures = {"left": put_media.capture("kvssink_http"), "right": put_media.capture("sdkc_h265")}
    for stream in captures:
        create_stream(site.server, stream, RETENTION_HOURS)
    with (
        put_media.Upload(site.server, "left", captures["left"]) as left,
        put_media.Upload(site.server, "right", captures["right"]) as right,
    ):
        rest = max(len(capture.chunks) for capture in captures.values())
        for number in range(rest):
            for upload, capture in ((left, captures["left"]), (right, captures["right"])):
                upload.send_all(capture.chunks[number : number + 1])
        left.finish()
        right.finish()
    for stream, capture in captures.items():
        frames = [document.clusters[0].frames for document in get_media(site.server, stream)]
        assert frames == [cluster.frames for cluster in capture.document.clusters]


def test_the_server_s_media_files_are_playable_matroska(site):
    create_stream(site.server, "playable", RETENTION_HOURS)
    capture = put_media.capture("kvssink_http")
    known = set(site.server.media_files())
    with put_media.Upload(site.server, "playable", capture) as upload:
        upload.send_all(capture.chunks)
        upload.finish()
    (path,) = set(site.server.media_files()) - known
    (document,) = matroska.documents(path.read_bytes())
    assert [cluster.frames for cluster in document.clusters] == [c.frames for c in capture.document.clusters]
