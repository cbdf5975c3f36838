"""A consumer of GetMedia in the manner of AWS's Python samples: reads the payload in pieces, cuts it where an EBML header
begins, and has ebmlite parse each fragment on its own.

It knows nothing of Vigie and shares no code with `matroska`, so that the two judge independently.
"""

import dataclasses

import ebmlite

SCHEMA = ebmlite.loadSchema("matroska.xml")
EBML_HEADER = b"\x1a\x45\xdf\xa3"


@dataclasses.dataclass
class Fragment:
    raw: bytes
    elements: list[str]  # the names of the Segment's children, in order
    tags: dict[str, str]
    cluster: bytes  # of the one Cluster, from its id to its end; empty when there is none
    blocks: list[bytes]  # the data of its SimpleBlocks
    tracks: list[str]  # codec ids

    @property
    def number(self):
        return self.tags["AWS_KINESISVIDEO_FRAGMENT_NUMBER"]


def read(payload, piece_bytes=4096):
    """Yields the fragments of a GetMedia or GetMediaForFragmentList payload as they are complete."""
    read_so_far = bytearray()
    while piece := payload.read(piece_bytes):
        searched = max(len(read_so_far) - len(EBML_HEADER), len(EBML_HEADER))
        read_so_far += piece
        while (cut := read_so_far.find(EBML_HEADER, searched)) >= 0:
            yield parse(bytes(read_so_far[:cut]))
            del read_so_far[:cut]
            searched = len(EBML_HEADER)
    if read_so_far:
        yield parse(bytes(read_so_far))


def parse(raw):
    """Parses one fragment: a whole Matroska document."""
    document = SCHEMA.loads(raw)
    (segment,) = document
    assert document.type in ("matroska", "webm") and segment.name == "Segment", (document, segment)
    fragment = Fragment(raw, [], {}, b"", [], [])
    for element in segment.value:
        fragment.elements.append(element.name)
        if element.name == "Tags":
            fragment.tags.update(_tags(element))
        elif element.name == "Tracks":
            entries = (entry for entry in element.value if entry.name == "TrackEntry")
            fragment.tracks += [child.value for entry in entries for child in entry.value if child.name == "CodecID"]
        elif element.name == "Cluster":
            assert not fragment.cluster, "a second Cluster in one fragment"
            children = element.value
            end = children[-1].payloadOffset + children[-1].size
            fragment.cluster = raw[element.offset : end]
            fragment.blocks = [bytes(child.value) for child in children if child.name == "SimpleBlock"]
    return fragment


def _tags(element):
    found = {}
    for tag in (child for child in element.value if child.name == "Tag"):
        for simple in (child for child in tag.value if child.name == "SimpleTag"):
            parts = {child.name: child.value for child in simple.value}
            found[parts["TagName"]] = parts.get("TagString", "")
    return found


def joined(fragments):
    """The fragments as one file: the first one's header and every Cluster."""
    first = fragments[0]
    return first.raw[: first.raw.index(first.cluster)] + b"".join(fragment.cluster for fragment in fragments)
