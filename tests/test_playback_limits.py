"""What keeps playback within bounds: AWS's rates when they are asked for, and memory that does not grow with a clip."""

import itertools
import pathlib
import re

import botocore.exceptions
import pytest

import media
import processes
import producer
from streams import create_stream, data_client

START = 1_795_000_000
RANGE = {"StartTimestamp": START, "EndTimestamp": START + 3600}
SELECTED = {"FragmentSelectorType": "PRODUCER_TIMESTAMP", "TimestampRange": RANGE}
ON_DEMAND = {"PlaybackMode": "ON_DEMAND"}
CALLS = {
    "get_hls_streaming_session_url": {**ON_DEMAND, "HLSFragmentSelector": SELECTED},
    "get_dash_streaming_session_url": {**ON_DEMAND, "DASHFragmentSelector": SELECTED},
}


@pytest.fixture(scope="module")
def limited_site(tmp_path_factory):
    with processes.Site(tmp_path_factory.mktemp("limited")) as site:
        processes.Daemon.start(site.server, ["server"], {"VIGIE_RATE_LIMITS": "aws"})
        create_stream(site.server, "gate")
        yield site


@pytest.mark.parametrize("operation", CALLS)
def test_calls_beyond_aws_s_rate_are_refused(limited_site, operation):
    client = data_client(limited_site.server, "kinesis-video-archived-media", "gate", operation.upper())
    for _ in range(200):
        try:
            getattr(client, operation)(StreamName="gate", **CALLS[operation])
        except botocore.exceptions.ClientError as refusal:
            error = refusal.response["Error"]
            if error["Code"] == "ClientLimitExceededException":
                assert error["Message"] and refusal.response["ResponseMetadata"]["HTTPStatusCode"] == 400
                return
            # There is no media: what is within the rate is answered, with that.
            assert error["Code"] == "ResourceNotFoundException", error
    pytest.fail("200 calls in a row were let through")


def resident_mb(server):
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1024


def test_a_clip_of_hundreds_of_megabytes_is_sent_in_bounded_memory(own_site):
    server = own_site.server
    server.process.stop()
    processes.Daemon.start(server, ["server", "--clip-fragments-max", "100000", "--clip-mb-max", "4000"])
    create_stream(server, "heavy")
    source = producer.media(media.heavy_h264_mp4())
    times = 16
    at_ms = START * 1000
    for _ in range(times):
        producer.put_file(server, "heavy", source, at_ms)
        at_ms += source.duration_ms
    client = data_client(server, "kinesis-video-archived-media", "heavy", "GET_CLIP")
    before = resident_mb(server)
    answer = client.get_clip(StreamName="heavy", ClipFragmentSelector=SELECTED)
    length = int(answer["ResponseMetadata"]["HTTPHeaders"]["content-length"])
    # A reader that takes its time: what it has not taken waits on the disk.
    most, read = before, 0
    for turn in itertools.count():
        piece = answer["Payload"].read(1 << 20)
        if not piece:
            break
        read += len(piece)
        if turn % 8 == 0:
            most = max(most, resident_mb(server))
    assert read == length > 300 << 20
    assert most - before < 64, f"from {before:.0f} MB to {most:.0f} MB for a clip of {length >> 20} MB"
