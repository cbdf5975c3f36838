"""Reads Matroska as GetMedia and ffmpeg write it: one document after another, frames with their absolute timecodes.

Independent of Vigie's own reader on purpose. Reads sized and unknown-size Segments and Clusters, SimpleBlocks and
BlockGroups without lacing, and skips what it does not need; it raises `Malformed` on anything else.
"""

import dataclasses

EBML, SEGMENT, INFO, TRACKS, CLUSTER, TAGS = 0x1A45DFA3, 0x18538067, 0x1549A966, 0x1654AE6B, 0x1F43B675, 0x1254C367
TRACK_ENTRY, TRACK_NUMBER, TRACK_TYPE, CODEC_ID, CODEC_PRIVATE = 0xAE, 0xD7, 0x83, 0x86, 0x63A2
VIDEO, PIXEL_WIDTH, PIXEL_HEIGHT = 0xE0, 0xB0, 0xBA
TIMESTAMP_SCALE, TIMESTAMP, SIMPLE_BLOCK, BLOCK_GROUP, BLOCK, REFERENCE_BLOCK = 0x2AD7B1, 0xE7, 0xA3, 0xA0, 0xA1, 0xFB
TAG, SIMPLE_TAG, TAG_NAME, TAG_STRING = 0x7373, 0x67C8, 0x45A3, 0x4487
SEEK_HEAD, CUES, CHAPTERS, ATTACHMENTS = 0x114D9B74, 0x1C53BB6B, 0x1043A770, 0x1941A469
# What ends a Segment or a Cluster of unknown size.
TOP_LEVEL = {INFO, TRACKS, CLUSTER, TAGS, SEEK_HEAD, CUES, CHAPTERS, ATTACHMENTS}


class Malformed(AssertionError):
    """The bytes are not the Matroska they should be."""


class Truncated(Malformed):
    """The bytes end inside an element."""


@dataclasses.dataclass(frozen=True)
class Track:
    number: int
    kind: str  # "video", "audio" or "other"
    codec_id: str
    codec_private: bytes
    width: int
    height: int


@dataclasses.dataclass(frozen=True)
class Frame:
    track: int
    timestamp_ms: float
    key: bool
    data: bytes


@dataclasses.dataclass
class Cluster:
    timestamp_ms: float
    frames: list[Frame]
    raw: bytes  # the whole element as it stands in the file


@dataclasses.dataclass
class Document:
    tracks: dict[int, Track]
    header: bytes  # everything before the first Cluster
    clusters: list[Cluster]
    tags: list[tuple[str, str]]
    raw: bytes = b""  # all of it, as it stands in the file

    def tag(self, name):
        """The one value of the tag `name`."""
        values = [value for tag, value in self.tags if tag == name]
        if len(values) != 1:
            raise Malformed(f"expected one tag {name}, found {values}")
        return values[0]

    def frames(self):
        return [frame for cluster in self.clusters for frame in cluster.frames]


def _element(data, at, end):
    """Reads an element's head: (id, start of its body, end of its body or None when unknown)."""

    def variable(position, keep_marker):
        if position >= end or data[position] == 0:
            raise Truncated("no element here") if position >= end else Malformed(f"bad number at {position}")
        length = 9 - data[position].bit_length()
        if position + length > end:
            raise Truncated("the element's head is cut off")
        value = int.from_bytes(data[position : position + length], "big")
        if not keep_marker:
            value &= (1 << 7 * length) - 1
        return value, length

    identifier, identifier_length = variable(at, True)
    size, size_length = variable(at + identifier_length, False)
    body = at + identifier_length + size_length
    if size == (1 << 7 * size_length) - 1:
        return identifier, body, None
    if body + size > end:
        raise Truncated(f"element {identifier:X} at {at} runs past the end")
    return identifier, body, body + size


def _children(data, at, end):
    """Yields (id, body start, body end) of the sized elements between `at` and `end`."""
    while at < end:
        identifier, body, body_end = _element(data, at, end)
        if body_end is None:
            raise Malformed(f"element {identifier:X} at {at} has no size")
        yield identifier, body, body_end
        at = body_end


def _unsigned(data, at, end):
    return int.from_bytes(data[at:end], "big")


def _text(data, at, end):
    return bytes(data[at:end]).rstrip(b"\0").decode()


def _track(data, at, end):
    number, kind, codec_id, private, size = 0, 0, "", b"", {}
    for identifier, body, body_end in _children(data, at, end):
        if identifier == TRACK_NUMBER:
            number = _unsigned(data, body, body_end)
        elif identifier == TRACK_TYPE:
            kind = _unsigned(data, body, body_end)
        elif identifier == CODEC_ID:
            codec_id = _text(data, body, body_end)
        elif identifier == CODEC_PRIVATE:
            private = bytes(data[body:body_end])
        elif identifier == VIDEO:
            size = {inner: _unsigned(data, at, end) for inner, at, end in _children(data, body, body_end)}
    kind = {1: "video", 2: "audio"}.get(kind, "other")
    return Track(number, kind, codec_id, private, size.get(PIXEL_WIDTH, 0), size.get(PIXEL_HEIGHT, 0))


def _tags(data, at, end):
    found = []
    for identifier, body, body_end in _children(data, at, end):
        if identifier != TAG:
            continue
        for inner, tag_body, tag_end in _children(data, body, body_end):
            if inner != SIMPLE_TAG:
                continue
            name = value = ""
            for leaf, leaf_body, leaf_end in _children(data, tag_body, tag_end):
                if leaf == TAG_NAME:
                    name = _text(data, leaf_body, leaf_end)
                elif leaf == TAG_STRING:
                    value = _text(data, leaf_body, leaf_end)
            found.append((name, value))
    return found


def _frame(data, at, end, cluster_timestamp, scale_ms, key=None):
    length = 9 - data[at].bit_length()
    track = int.from_bytes(data[at : at + length], "big") & ((1 << 7 * length) - 1)
    at += length
    relative = int.from_bytes(data[at : at + 2], "big", signed=True)
    flags = data[at + 2]
    if flags & 0x06:
        raise Malformed("a laced block, where nothing should lace")
    is_key = bool(flags & 0x80) if key is None else key
    return Frame(track, (cluster_timestamp + relative) * scale_ms, is_key, bytes(data[at + 3 : end]))


def _fills_up_block(data, at):
    """Whether nothing but zeros up to the end of a block of the disk comes: a media file that Vigie still writes has
    them."""
    return 0 < len(data) - at < 4096 and len(data) % 4096 == 0 and not any(data[at:])


def _cluster(data, start, at, end, scale_ms):
    """Reads a Cluster whose body starts at `at`; returns it and where it ends."""
    limit = len(data) if end is None else end
    timestamp, frames, position = None, [], at
    while position < limit and not (end is None and _fills_up_block(data, position)):
        identifier, body, body_end = _element(data, position, limit)
        if end is None and (identifier in TOP_LEVEL or identifier == EBML):
            break
        if body_end is None:
            raise Malformed(f"element {identifier:X} in a Cluster has no size")
        if identifier == TIMESTAMP:
            timestamp = _unsigned(data, body, body_end)
        elif identifier == SIMPLE_BLOCK:
            frames.append(_frame(data, body, body_end, timestamp, scale_ms))
        elif identifier == BLOCK_GROUP:
            parts = {inner: (b, e) for inner, b, e in _children(data, body, body_end)}
            frames.append(_frame(data, *parts[BLOCK], timestamp, scale_ms, key=REFERENCE_BLOCK not in parts))
        position = body_end
    if timestamp is None and end is None and position == limit:
        raise Truncated
    if timestamp is None:
        raise Malformed(f"the Cluster at {start} has no timestamp")
    return Cluster(timestamp * scale_ms, frames, bytes(data[start:position])), position


def _document(data, at):
    """Reads the document that starts at `at`; returns it and where it ends."""
    start = at
    identifier, _, at = _element(data, at, len(data))
    if identifier != EBML or at is None:
        raise Malformed(f"expected an EBML header at {start}, found {identifier:X}")
    identifier, at, segment_end = _element(data, at, len(data))
    if identifier != SEGMENT:
        raise Malformed(f"expected a Segment after the EBML header, found {identifier:X}")
    end = len(data) if segment_end is None else segment_end
    document, header_end, scale_ms = Document({}, b"", [], []), None, 1.0
    while at < end and not (segment_end is None and _fills_up_block(data, at)):
        identifier, body, body_end = _element(data, at, end)
        if segment_end is None and identifier == EBML:
            break
        if identifier == CLUSTER:
            header_end = at if header_end is None else header_end
            cluster, at = _cluster(data, at, body, body_end, scale_ms)
            document.clusters.append(cluster)
            continue
        if body_end is None:
            raise Malformed(f"element {identifier:X} at {at} has no size")
        if identifier == INFO:
            for inner, inner_body, inner_end in _children(data, body, body_end):
                if inner == TIMESTAMP_SCALE:
                    scale_ms = _unsigned(data, inner_body, inner_end) / 1_000_000
        elif identifier == TRACKS:
            for inner, inner_body, inner_end in _children(data, body, body_end):
                if inner == TRACK_ENTRY:
                    track = _track(data, inner_body, inner_end)
                    document.tracks[track.number] = track
        elif identifier == TAGS:
            document.tags.extend(_tags(data, body, body_end))
        at = body_end
    document.header = bytes(data[start : at if header_end is None else header_end])
    document.raw = bytes(data[start:at])
    return document, at


def documents(data):
    """Reads all of `data` as one Matroska document after another."""
    found, at = [], 0
    while at < len(data) and not _fills_up_block(data, at):
        document, at = _document(data, at)
        found.append(document)
    return found


def complete_fragments(data):
    """Reads the GetMedia fragments that are whole in `data`, which may end anywhere; returns them and their length."""
    found, at = [], 0
    while at < len(data):
        try:
            document, next_at = _document(data, at)
        except Truncated:
            break
        if not any(name == "AWS_KINESISVIDEO_CONTINUATION_TOKEN" for name, _ in document.tags):
            break
        found.append(document)
        at = next_at
    return found, at
