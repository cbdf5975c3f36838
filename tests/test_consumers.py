"""What reads GetMedia: a consumer like aws-samples' Python library (ebmlite), ffprobe and mkvinfo."""

import subprocess

import pytest

import consumer
import put_media
from put_media import RETENTION_HOURS
from streams import create_stream, data_client, list_fragments

# One of each kind: kvssink, C SDK with H.265, audio alone, G.711, embedded-c.
CAPTURES = ["kvssink_http", "sdkc_h265", "sdkc_audio", "sdkc_alaw", "embc"]


@pytest.fixture(scope="module", params=CAPTURES)
def replayed(request, site):
    """A stream that holds a capture: its name and the capture."""
    stream = f"consumed-{request.param}"
    create_stream(site.server, stream, RETENTION_HOURS)
    capture = put_media.capture(request.param)
    with put_media.Upload(site.server, stream, capture) as upload:
        upload.send_all(capture.chunks)
        upload.finish()
        assert len(upload.of("PERSISTED")) == len(capture.document.clusters), upload.acknowledgements
    return stream, capture


def payload(server, stream):
    client = data_client(server, "kinesis-video-media", stream, "GET_MEDIA")
    return client.get_media(StreamName=stream, StartSelector={"StartSelectorType": "EARLIEST"})["Payload"]


@pytest.mark.parametrize("piece_bytes", [100, 65_536])
def test_ebmlite_finds_every_fragment_its_tags_and_its_frames(site, replayed, piece_bytes):
    stream, capture = replayed
    fragments = list(consumer.read(payload(site.server, stream), piece_bytes))
    listed = list_fragments(site.server, stream)
    assert [fragment.number for fragment in fragments] == [one["FragmentNumber"] for one in listed]
    for fragment, sent, known in zip(fragments, capture.document.clusters, listed, strict=True):
        assert [block[-len(frame.data) :] for block, frame in zip(fragment.blocks, sent.frames, strict=True)] == [
            frame.data for frame in sent.frames
        ]
        assert fragment.tracks == [track.codec_id for track in capture.document.tracks.values()]
        # The service's tags stand around the Cluster, as children of the Segment.
        names = [name for name in fragment.elements if name in ("Info", "Tracks", "Tags", "Cluster")]
        assert names.index("Tags") < names.index("Cluster") < len(names) - 1 and names[-1] == "Tags"
        assert float(fragment.tags["AWS_KINESISVIDEO_PRODUCER_TIMESTAMP"]) == pytest.approx(
            known["ProducerTimestamp"].timestamp(), abs=0.0005
        )
        assert float(fragment.tags["AWS_KINESISVIDEO_SERVER_TIMESTAMP"]) == pytest.approx(
            known["ServerTimestamp"].timestamp(), abs=0.0005
        )
        assert fragment.tags["AWS_KINESISVIDEO_CONTINUATION_TOKEN"] == fragment.number
        assert int(fragment.tags["AWS_KINESISVIDEO_MILLIS_BEHIND_NOW"]) >= 0


def test_ebmlite_reads_a_list_of_fragments_in_its_order(site, replayed):
    stream, capture = replayed
    numbers = [one["FragmentNumber"] for one in reversed(list_fragments(site.server, stream))]
    client = data_client(site.server, "kinesis-video-archived-media", stream, "GET_MEDIA_FOR_FRAGMENT_LIST")
    answer = client.get_media_for_fragment_list(StreamName=stream, Fragments=numbers)
    fragments = list(consumer.read(answer["Payload"]))
    assert [fragment.number for fragment in fragments] == numbers
    for fragment, sent in zip(reversed(fragments), capture.document.clusters, strict=True):
        assert (fragment.cluster, len(fragment.blocks)) == (sent.raw, len(sent.frames))
        for side in ("PRODUCER", "SERVER"):
            assert fragment.tags[f"AWS_KINESISVIDEO_{side}_SIDE_TIMESTAMP"]


def test_ffprobe_and_mkvinfo_read_what_getmedia_sends(site, replayed, tmp_path):
    stream, capture = replayed
    path = tmp_path / "read.mkv"
    fragments = list(consumer.read(payload(site.server, stream)))
    path.write_bytes(consumer.joined(fragments))
    count = ["ffprobe", "-v", "error", "-count_packets", "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0"]
    counted = subprocess.run([*count, path], capture_output=True, text=True, check=True).stdout.split()
    assert sum(int(line.strip(",")) for line in counted) == len(capture.document.frames())
    for fragment in fragments:
        path.write_bytes(fragment.raw)
        told = subprocess.run(["mkvinfo", "-v", "-v", path], capture_output=True, text=True, check=True).stdout
        assert told.count("Simple block: ") == len(fragment.blocks)
        assert told.count("Name: AWS_KINESISVIDEO_") >= 5
