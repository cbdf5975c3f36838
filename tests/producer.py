"""A producer of real media: sends the frames of a media file by PutMedia as fragments, at times of the test's choice."""

import contextlib
import dataclasses
import subprocess
import tempfile
import threading
import time

import matroska
import put_media

_HEADERS = {
    "connection": "keep-alive",
    "content-type": "application/json",
    "transfer-encoding": "chunked",
    "user-agent": "vigie-tests",
    "x-amzn-fragment-acknowledgment-required": "1",
    "x-amzn-fragment-timecode-type": "ABSOLUTE",
}
_UNKNOWN = b"\x01\xff\xff\xff\xff\xff\xff\xff"


def _element(identifier, body):
    head = identifier.to_bytes((identifier.bit_length() + 7) // 8, "big")
    return head + (len(body) | 1 << 56).to_bytes(8, "big") + body


def _unsigned(identifier, value):
    return _element(identifier, value.to_bytes(8, "big"))


@dataclasses.dataclass(frozen=True)
class Fragment:
    """Frames that begin with a key frame; times in milliseconds after the media's start."""

    start_ms: int
    end_ms: int
    frames: tuple

    @property
    def duration_ms(self):
        return self.end_ms - self.start_ms


@dataclasses.dataclass(frozen=True)
class Media:
    """A media file, cut into fragments."""

    tracks: bytes  # the Tracks element
    fragments: list[Fragment]

    @property
    def duration_ms(self):
        return self.fragments[-1].end_ms

    def document(self, start_ms, fragments=None):
        """A body of PutMedia: these fragments (all by default), the media's time 0 at `start_ms`."""
        return self.header() + b"".join(self.cluster(start_ms, one) for one in fragments or self.fragments)

    def header(self):
        doctype = _element(0x4282, b"matroska") + _unsigned(0x4287, 2) + _unsigned(0x4285, 2)
        info = _unsigned(0x2AD7B1, 1_000_000) + _element(0x4D80, b"tests") + _element(0x5741, b"tests")
        segment = matroska.SEGMENT.to_bytes(4, "big") + _UNKNOWN
        return _element(matroska.EBML, doctype) + segment + _element(matroska.INFO, info) + self.tracks

    def cluster(self, start_ms, fragment):
        at = start_ms + fragment.start_ms
        blocks = b"".join(
            _element(
                matroska.SIMPLE_BLOCK,
                bytes([0x80 | frame.track])
                + (round(frame.timestamp_ms) - fragment.start_ms).to_bytes(2, "big", signed=True)
                + (b"\x80" if frame.key else b"\0")
                + frame.data,
            )
            for frame in fragment.frames
        )
        return matroska.CLUSTER.to_bytes(4, "big") + _UNKNOWN + _unsigned(matroska.TIMESTAMP, at) + blocks


def media(path, key_frames=1):
    """Cuts a media file into fragments at every `key_frames`th key frame of its video (of its sound, without video)."""
    with tempfile.NamedTemporaryFile(suffix=".mkv") as remuxed:
        command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", str(path), "-map", "0", "-c", "copy", remuxed.name]
        subprocess.run(command, check=True, timeout=60)
        with open(remuxed.name, "rb") as file:
            (document,) = matroska.documents(file.read())
    video = {track.number for track in document.tracks.values() if track.kind == "video"}
    frames = document.frames()
    leading = [frame for frame in frames if not video or frame.track in video]
    keys = [frame for frame in leading if frame.key]
    # Of sound alone every frame is a key frame: one fragment for about a second.
    step = key_frames if video else max(1, round(1000 / (keys[1].timestamp_ms - keys[0].timestamp_ms)))
    starts = [round(frame.timestamp_ms) for frame in keys[::step]]
    shown = sorted(frame.timestamp_ms for frame in leading)
    end = round(shown[-1] + (shown[-1] - shown[0]) / (len(shown) - 1))
    # Frames go by the order in which they are decoded; sound goes where its time is.
    bounds = [*zip(starts, [*starts[1:], end], strict=True)]
    cut = [[] for _ in bounds]
    current = -1
    for frame in frames:
        if frame.track in video or not video:
            if frame.key and round(frame.timestamp_ms) in starts:
                current += 1
            cut[current].append(frame)
        else:
            index = sum(frame.timestamp_ms >= start for start, _ in bounds[1:])
            cut[index].append(frame)
    fragments = [Fragment(start, end, tuple(frames)) for (start, end), frames in zip(bounds, cut, strict=True)]
    return Media(_tracks(document.header), fragments)


def cut(source, length_ms):
    """Each fragment in pieces of this length, of which the first alone begins with a key frame."""
    pieces = []
    for one in source.fragments:
        bounds = [*range(one.start_ms, one.end_ms - length_ms // 2, length_ms), one.end_ms]
        for at, (start, end) in enumerate(zip(bounds, bounds[1:], strict=False)):
            early, late = at == 0, at == len(bounds) - 2
            frames = tuple(
                frame
                for frame in one.frames
                if (early or frame.timestamp_ms >= start) and (late or frame.timestamp_ms < end)
            )
            begins_ms = start if early else round(min(frame.timestamp_ms for frame in frames))
            pieces.append(Fragment(begins_ms, end, frames))
    ends = [*(piece.start_ms for piece in pieces[1:]), source.duration_ms]
    pieces = [dataclasses.replace(piece, end_ms=end) for piece, end in zip(pieces, ends, strict=True)]
    return dataclasses.replace(source, fragments=pieces)


def _tracks(header):
    at = header.rindex(matroska.TRACKS.to_bytes(4, "big"))
    size = header[at + 4 :]
    length = 9 - size[0].bit_length()
    value = int.from_bytes(size[:length], "big") & ((1 << 7 * length) - 1)
    return header[at : at + 4 + length + value]


def headers():
    """Of a PutMedia request that begins now."""
    return {**_HEADERS, "x-amzn-producer-start-timestamp": f"{time.time():.3f}"}


def connect(server, stream):
    """Opens a PutMedia connection, ready for a document."""
    return put_media.Upload(server, stream, put_media.Capture(headers(), [], None))


def put(server, stream, body, count):
    """Sends a whole body; returns the acknowledgements that its `count` fragments are persisted."""
    with connect(server, stream) as upload:
        assert upload.status == 200, upload.headers
        for at in range(0, len(body), 60_000):
            upload.send(body[at : at + 60_000])
        upload.finish()
        return upload.wait_for("PERSISTED", count)


def put_file(server, stream, source, start_ms, fragments=None):
    """Sends fragments of a media file (all by default), its time 0 at `start_ms`."""
    sent = source.fragments if fragments is None else fragments
    return put(server, stream, source.document(start_ms, sent), len(sent))


class Live:
    """Sends media round and round, at its own pace, over a connection for each change of what it sends."""

    def __init__(self, server, stream):
        self._server, self._stream = server, stream
        self._turn, self._failures = threading.Condition(), []
        self._source, self._stopped = None, False
        self._thread = threading.Thread(target=self._run)

    def show(self, source):
        """Goes on with other media as soon as the fragment under way is whole; with None it pauses."""
        with self._turn:
            self._source = source
            self._turn.notify()

    def _run(self):
        at_ms = 0
        try:
            while True:
                with self._turn:
                    self._turn.wait_for(lambda: self._source or self._stopped)
                    source = self._source
                    if self._stopped:
                        return
                # What changes without a pause goes on where it was.
                now_ms = round(time.time() * 1000)
                at_ms = self._send(source, at_ms if now_ms - at_ms < 1000 else now_ms)
        except Exception as failure:
            self._failures.append(failure)

    def _send(self, source, start_ms):
        """Returns where the media ended."""
        with connect(self._server, self._stream) as upload:
            upload.send(source.header())
            while True:
                for one in source.fragments:
                    due = (start_ms + one.end_ms) / 1000
                    while (left := due - time.time()) > 0:
                        with self._turn:
                            self._turn.wait_for(lambda: self._stopped, left)
                            if self._stopped:
                                upload.finish()
                                return start_ms + one.start_ms
                    upload.send(source.cluster(start_ms, one))
                    if self._source is not source:
                        upload.finish()
                        return start_ms + one.end_ms
                start_ms += source.duration_ms

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        with self._turn:
            self._stopped = True
            self._turn.notify()
        self._thread.join()
        assert not self._failures, self._failures


@contextlib.contextmanager
def live(server, stream, source):
    """Sends a media file while the block runs; gives the sender."""
    with Live(server, stream) as sender:
        sender.show(source)
        yield sender
