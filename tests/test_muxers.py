"""PutMedia of what other muxers write: ffmpeg, GStreamer's matroskamux, mkvmerge. Sized clusters, Cues, SeekHead, Void,
CRC-32, lacing, WebM. It is stored and read back frame for frame, or refused with the right error id."""

import re
import subprocess

import pytest

import consumer
import media
import put_media
from processes import REPOSITORY, SYSTEM_PYTHON
from put_media import RETENTION_HOURS
from streams import create_stream, data_client, list_fragments

# Timecodes of such files begin at 0.
RELATIVE = {"x-amzn-fragment-timecode-type": "RELATIVE", "x-amzn-producer-start-timestamp": "1795363060.000"}
FFMPEG = ["ffmpeg", "-nostdin", "-v", "error", "-y"]
COPY = ["-map", "0", "-c", "copy"]


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, timeout=120, check=False)
    assert done.returncode in (0, 1 if "mkvmerge" in command else 0), done.stderr.decode()
    return done.stdout


def ffmpeg_pipe(path, folder, *options, muxer="matroska"):
    """What ffmpeg writes to a pipe, where it cannot seek."""
    return run(*FFMPEG, "-i", path, *COPY, *options, "-f", muxer, "-")


def ffmpeg_file(path, folder, *options, muxer="matroska"):
    """What ffmpeg writes to a file, where it goes back and fills in sizes, SeekHead and Cues."""
    run(*FFMPEG, "-i", path, *COPY, *options, "-f", muxer, folder / "sent.mkv")
    return (folder / "sent.mkv").read_bytes()


def mkvmerge(path, folder, *options):
    """mkvmerge laces audio, indexes, pads with Void and adds statistics as tags."""
    run("mkvmerge", "-q", "-o", folder / "sent.mkv", *options, path)
    return (folder / "sent.mkv").read_bytes()


def gstreamer(path, folder, *options):
    pipeline = (
        f"matroskamux name=mux {' '.join(options)} ! fdsink fd=1  filesrc location={path} ! qtdemux name=demux "
        "demux. ! queue ! h264parse ! mux.  demux. ! queue ! aacparse ! mux."
    )
    return run(SYSTEM_PYTHON, REPOSITORY / "tests" / "pipeline.py", pipeline)


H264_AAC, B_FRAMES = media.h264_aac_mp4, media.h264_b_frames_aac_mp4
# By name: who writes it, from what, with which options.
BODIES = {
    "ffmpeg-pipe": (ffmpeg_pipe, H264_AAC),
    "ffmpeg-pipe-clusters-of-500-ms": (ffmpeg_pipe, H264_AAC, "-cluster_time_limit", "500"),
    "ffmpeg-pipe-live": (ffmpeg_pipe, H264_AAC, "-live", "1"),
    "ffmpeg-pipe-b-frames": (ffmpeg_pipe, B_FRAMES),
    "ffmpeg-pipe-h265": (ffmpeg_pipe, media.h265_aac_mkv),
    "ffmpeg-pipe-g711": (ffmpeg_pipe, media.h264_alaw_mkv),
    "ffmpeg-pipe-opaque": (ffmpeg_pipe, media.mjpeg_mkv),
    "ffmpeg-pipe-webm": (ffmpeg_pipe, media.vp8_opus_webm),
    "ffmpeg-file-cues-at-the-end": (ffmpeg_file, H264_AAC),
    "ffmpeg-file-cues-in-front": (ffmpeg_file, H264_AAC, "-cues_to_front", "1"),
    "ffmpeg-file-room-for-cues": (ffmpeg_file, H264_AAC, "-reserve_index_space", "4096"),
    "ffmpeg-file-without-crc": (ffmpeg_file, H264_AAC, "-write_crc32", "0"),
    "gstreamer-streamable": (gstreamer, H264_AAC, "streamable=true"),
    "gstreamer-not-streamable": (gstreamer, H264_AAC, "streamable=false"),
    "gstreamer-version-1": (gstreamer, H264_AAC, "version=1"),
    "mkvmerge-laced": (mkvmerge, H264_AAC, "--disable-track-statistics-tags"),
    "mkvmerge-webm": (mkvmerge, media.vp8_opus_webm, "--webm", "--disable-track-statistics-tags"),
    "mkvmerge-block-groups": (
        mkvmerge, H264_AAC, "--disable-track-statistics-tags", "--engage", "no_simpleblocks",
    ),
}  # fmt: skip


def upload(server, stream, body):
    """Sends the body in pieces of a size that fits nothing in it; returns all acknowledgements."""
    create_stream(server, stream, RETENTION_HOURS)
    recorded = put_media.capture("kvssink_http")
    with put_media.Upload(server, stream, recorded, headers=RELATIVE) as upload:
        assert upload.status == 200
        try:
            upload.send_all([body[at : at + 40_961] for at in range(0, len(body), 40_961)])
            upload.finish()
        except OSError:
            upload.wait_for("ERROR")  # the server closed before it had read all
        return upload.acknowledgements


def read(server, stream):
    client = data_client(server, "kinesis-video-media", stream, "GET_MEDIA")
    payload = client.get_media(StreamName=stream, StartSelector={"StartSelectorType": "EARLIEST"})["Payload"]
    return list(consumer.read(payload, 65_536))


def frames(path):
    """(stream, pts, size, hash) of every frame as ffmpeg reads them, without decoding."""
    lines = run(*FFMPEG, "-i", path, *COPY, "-f", "framemd5", "-").decode().splitlines()
    split = [[part.strip() for part in line.split(",")] for line in lines if not line.startswith("#")]
    return sorted((int(stream), int(pts), int(size), md5) for stream, _dts, pts, _duration, size, md5, *_ in split)


@pytest.mark.parametrize("name", BODIES)
def test_what_other_muxers_write_is_stored_and_comes_back_frame_for_frame(site, tmp_path, name):
    make, source, *options = BODIES[name]
    body = make(source(), tmp_path, *options)
    (tmp_path / "body.mkv").write_bytes(body)
    sent = frames(tmp_path / "body.mkv")
    known = set(site.server.media_files())
    acknowledgements = upload(site.server, name, body)
    errors = [ack for ack in acknowledgements if ack["EventType"] == "ERROR"]
    assert not errors
    persisted = sum(ack["EventType"] == "PERSISTED" for ack in acknowledgements)
    listed = list_fragments(site.server, name)
    assert len(listed) == persisted > 1

    fragments = read(site.server, name)
    assert [fragment.number for fragment in fragments] == [one["FragmentNumber"] for one in listed]
    (tmp_path / "read.mkv").write_bytes(consumer.joined(fragments))
    assert frames(tmp_path / "read.mkv") == sent
    # And a player reads the server's own file.
    (stored,) = set(site.server.media_files()) - known
    assert frames(stored) == sent


# What makes a body worth sending, as mkvinfo tells it.
HOLDS = {
    "ffmpeg-pipe": [r"Segment: size unknown", r"Seek head", r"EBML void|EbmlVoid|Void"],
    "ffmpeg-file-cues-at-the-end": [r"Segment: size \d", r"Cues", r"Tags"],
    "gstreamer-version-1": [r"Block group"],
    "mkvmerge-laced": [r", [2-9] frame\(s\)", r"Cues", r"[Vv]oid"],
    "mkvmerge-block-groups": [r"Block group", r", [2-9] frame\(s\)"],
}


@pytest.mark.parametrize("name", HOLDS)
def test_the_bodies_hold_what_they_are_there_for(tmp_path, name):
    make, source, *options = BODIES[name]
    body = make(source(), tmp_path, *options)
    (tmp_path / "body.mkv").write_bytes(body)
    told = run("mkvinfo", "-v", "-v", tmp_path / "body.mkv").decode()
    for pattern in HOLDS[name]:
        assert re.search(pattern, told), pattern
    # mkvinfo tells nothing of checksums: the first child of a Cluster, 4 bytes long.
    assert bool(re.search(rb"\x1f\x43\xb6\x75.{1,8}?\xbf\x84", body, re.DOTALL)) == name.startswith("ffmpeg")


def with_a_second_document(path, folder):
    body = ffmpeg_pipe(path, folder)
    return body + body


def cut_off(path, folder):
    return ffmpeg_file(path, folder)[:-200_000]


def four_tracks(path, folder):
    return run(*FFMPEG, "-i", path, *["-map", "0:v"] * 4, "-c", "copy", "-f", "matroska", "-")


REFUSED = {
    "a-second-document": (with_a_second_document, 4006, "INVALID_MKV_DATA"),
    "cut-off": (cut_off, 4006, "INVALID_MKV_DATA"),
    "four-tracks": (four_tracks, 4005, "MORE_THAN_ALLOWED_TRACKS_FOUND"),
    "statistics-as-tags": (mkvmerge, 4009, "FRAGMENT_METADATA_LIMIT_REACHED"),
    "compressed-frames": (lambda path, folder: mkvmerge(path, folder, "--compression", "0:zlib"), 4006, "INVALID_MKV_DATA"),
    "mp4": (lambda path, _folder: path.read_bytes(), 4006, "INVALID_MKV_DATA"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_gets_its_error_id(site, tmp_path, name):
    make, error_id, code = REFUSED[name]
    acknowledgements = upload(site.server, f"refused-{name}", make(H264_AAC(), tmp_path))
    assert [(ack["ErrorId"], ack["ErrorCode"]) for ack in acknowledgements if ack["EventType"] == "ERROR"] == [
        (error_id, code)
    ]
    # What was whole before is kept.
    persisted = sum(ack["EventType"] == "PERSISTED" for ack in acknowledgements)
    assert len(list_fragments(site.server, f"refused-{name}")) == persisted
