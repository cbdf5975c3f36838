"""Media bodies that are spoilt in one place."""

import re


def without_codec_private(body):
    """CodecPrivate under an id that no reader knows."""
    assert body.index(b"\x63\xa2") < body.index(b"V_MPEG4/ISO/AVC") + 200
    return body.replace(b"\x63\xa2", b"\x63\xa1", 1)


def broken_codec_private(body):
    """An avcC of an unknown version."""
    changed, count = re.subn(b"(?s)(\x63\xa2.{1,2}?)\x01(?=[\x42\x4d\x64])", b"\\1\x09", body)
    assert count == 1
    return changed


def another_codec(body):
    assert body.count(b"V_MPEG4/ISO/AVC") == 1
    return body.replace(b"V_MPEG4/ISO/AVC", b"V_MPEG4/ISO/ASP")


def broken_frames(body):
    """The length of the first NAL unit of every key frame: all pictures of the encoder begin with an SEI or a slice."""
    changed, count = re.subn(b"(?s)(\xa3.{1,4}\x81..\x80)\0\0", b"\\1\x7f\xff", body)
    assert count >= 1
    return changed
