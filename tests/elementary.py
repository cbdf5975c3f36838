"""Compares what was recorded with what the camera was given, frame by frame and byte for byte.

A video frame is compared by its VCL NAL units (the coded picture itself). Parameter sets, access unit delimiters and
SEI are left out: RTSP servers and recorders may carry parameter sets in band, out of band or both without touching a
picture. An audio frame is compared whole.
"""

import dataclasses
import functools
import itertools
import subprocess
import tempfile

import matroska
import media


@functools.lru_cache(maxsize=16)
def remuxed(path):
    """The media file as a Matroska document, its frames untouched."""
    with tempfile.NamedTemporaryFile(suffix=".mkv") as remuxed:
        command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", str(path), "-map", "0", "-c", "copy", remuxed.name]
        subprocess.run(command, check=True, timeout=60)
        with open(remuxed.name, "rb") as file:
            (document,) = matroska.documents(file.read())
    return document


@functools.lru_cache(maxsize=16)
def source_frames(path, kind):
    """The frames of a media file's only track of `kind`, in file order, as compared; each occurs once."""
    frames = comparable(remuxed(path), kind)
    assert len(set(frames)) == len(frames) > 0, f"the frames of {path} are not all different"
    return frames


def comparable(document, kind, trim_zeros=False):
    """The frames of a document's only track of `kind`, as compared."""
    frames = [frame.data for frame in _frames(document, kind)]
    if kind != "video":
        return frames
    return [vcl_nal_units(_track(document, kind), data, trim_zeros) for data in frames]


def comparable_run(documents, kind):
    """The frames of many documents (GetMedia's fragments), one after another."""
    return [frame for document in documents for frame in comparable(document, kind)]


def assert_pictures_spaced(documents, source, interval_ms):
    """The pictures of the looped `source` follow each other at the camera's interval, across fragments as within them.
    Where the camera begins its file again it may hurry, as GStreamer does when the sound is shorter."""
    first = runs(comparable_run(documents, "video"), source)[0].first
    times = sorted(
        frame.timestamp_ms
        for document in documents
        for frame in document.frames()
        if document.tracks[frame.track].kind == "video"
    )
    odd = {}
    for number, (earlier, later) in enumerate(itertools.pairwise(times), first + 1):
        least_ms = 0 if number % len(source) == 0 else interval_ms / 2
        if not least_ms <= later - earlier <= 1.5 * interval_ms:
            odd[number] = later - earlier
    assert len(times) > 1 and not odd, f"{odd} of {len(times)} pictures"


def assert_in_step(documents, path, tolerance_ms):
    """Sound and pictures are as far apart in every fragment as in the file that the camera loops."""
    length_ms = 1000 * len(source_frames(path, "video")) / media.FRAMES_PER_SECOND
    for number, document in enumerate(documents):
        ahead_ms = _shift_ms(document, path, "audio") - _shift_ms(document, path, "video")
        ahead_ms = (ahead_ms + length_ms / 2) % length_ms - length_ms / 2
        assert abs(ahead_ms) <= tolerance_ms, f"in fragment {number} sound is {ahead_ms} ms ahead"


def _shift_ms(document, path, kind):
    """How much later the first frame of a kind stands in the document than in the file."""
    theirs, ours = _frames(remuxed(path), kind), _frames(document, kind)
    if kind == "audio" and _track(document, kind).codec_id != "A_AAC":
        # G.711: a byte is a sample, of 8,000 a second.
        source, received = (b"".join(frame.data for frame in frames) for frames in (theirs, ours))
        at = (2 * source).find(received)
        assert at >= 0, f"{len(received)} bytes of sound are not in {path}"
        source_ms = theirs[0].timestamp_ms + at / 8
    else:
        source_ms = theirs[source_frames(path, kind).index(comparable(document, kind)[0])].timestamp_ms
    return ours[0].timestamp_ms - source_ms


def _track(document, kind):
    (track,) = [track for track in document.tracks.values() if track.kind == kind]
    return track


def _frames(document, kind):
    """The frames of a document's only track of `kind`."""
    number = _track(document, kind).number
    return [frame for frame in document.frames() if frame.track == number]


def assert_contiguous_sound(documents, path):
    """G.711 has no frames of its own, it is cut anew on every way: the bytes of `path`, looped, are there in order."""
    source = b"".join(comparable(remuxed(path), "audio"))
    received = b"".join(comparable_run(documents, "audio"))
    assert len(received) >= len(source) // 2, f"{len(received)} bytes of sound"
    looped = source * (len(received) // len(source) + 2)
    assert looped.find(received) >= 0, f"{len(received)} bytes of sound are not a part of the looped file's"


def vcl_nal_units(track, data, trim_zeros=False):
    """The coded picture of one length-prefixed frame: its VCL NAL units joined, each still behind a length.

    `trim_zeros` drops zero bytes behind a NAL unit: no NAL unit ends in one (H.264 7.4.1), and ffmpeg's RTP client adds
    one in passing from start codes to lengths.
    """
    if track.codec_id in ("V_MPEG4/ISO/AVC", "V_MPEG/ISO/AVC"):
        length_size = (track.codec_private[4] & 3) + 1

        def is_vcl(first_byte):
            return 1 <= first_byte & 0x1F <= 5

    elif track.codec_id in ("V_MPEGH/ISO/HEVC", "V_MPEG/ISO/HEVC"):
        length_size = (track.codec_private[21] & 3) + 1

        def is_vcl(first_byte):
            return first_byte >> 1 & 0x3F <= 31

    else:
        raise AssertionError(f"no NAL units in {track.codec_id}")
    picture, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + length_size], "big")
        unit = data[at + length_size : at + length_size + size]
        assert len(unit) == size > 0, f"a NAL unit of {size} bytes at {at} of a frame of {len(data)} bytes"
        at += length_size + size
        if is_vcl(unit[0]):
            unit = unit.rstrip(b"\0") if trim_zeros else unit
            picture.append(len(unit).to_bytes(4, "big") + unit)
    assert picture, f"a frame of {len(data)} bytes without a picture"
    return b"".join(picture)


@dataclasses.dataclass(frozen=True)
class Run:
    """Frames `first`, `first + 1`, ... of the looped source, `count` of them."""

    first: int
    count: int


def runs(received, source):
    """Splits `received` into runs of the looped `source`; any frame that the source does not hold fails the test."""
    index = {frame: number for number, frame in enumerate(source)}
    found = []
    for position, frame in enumerate(received):
        assert frame in index, (
            f"frame {position} of {len(received)} received ({len(frame)} bytes, begins {frame[:16].hex()}) "
            f"is no frame of the source"
        )
        number = index[frame]
        if found and (found[-1].first + found[-1].count) % len(source) == number:
            found[-1] = Run(found[-1].first, found[-1].count + 1)
        else:
            found.append(Run(number, 1))
    return found


def assert_contiguous(received, source):
    """Every frame the camera sent in the recorded span is there, byte for byte, in order, once."""
    assert received, "nothing was received"
    found = runs(received, source)
    assert len(found) == 1, f"of a source of {len(source)} frames these runs were received: {found}"


def assert_whole(received, source):
    """The source's frames, all of them, byte for byte, in order, once."""
    found = runs(received, source)
    assert found == [Run(0, len(source))], f"of a source of {len(source)} frames these runs were received: {found}"
