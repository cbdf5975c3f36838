"""Sessions of HLS and DASH through boto3: every refusal, and what their URLs answer to browsers and caches."""

import dataclasses
import time

import pytest

import media
import playback
import producer
import streams

DAY_MS = 24 * playback.HOUR_MS


def now_ms():
    return round(time.time() * 1000)


@pytest.fixture(scope="module")
def source():
    return producer.media(media.h264_aac_mp4(6))


@pytest.fixture(scope="module")
def stored(site, source):
    """A stream that holds the media once; returns its start by the producer's clock."""
    start_ms = now_ms() - playback.HOUR_MS
    streams.create_stream(site.server, "stored")
    producer.put_file(site.server, "stored", source, start_ms)
    streams.create_stream(site.server, "empty")
    streams.create_stream(site.server, "keeps-nothing", retention_hours=0)
    return start_ms


FORMS = {"hls": playback.hls_url, "dash": playback.dash_url}


@pytest.fixture(params=FORMS)
def session_url(request, site):
    """Asks for a session of either protocol."""

    def ask(stream, **options):
        return FORMS[request.param](site.server, stream, **options)

    return ask


# Ranges and values of single members: tests/conformance.
def test_ranges_that_do_not_fit_the_playback_mode_are_refused(session_url, stored):
    end_ms = stored + 6000
    for options in (
        {"PlaybackMode": "LIVE", "start_ms": stored, "end_ms": end_ms},
        {"PlaybackMode": "ON_DEMAND"},
        {"PlaybackMode": "ON_DEMAND", "start_ms": stored},
        {"PlaybackMode": "LIVE_REPLAY", "end_ms": end_ms},
        playback.on_demand(end_ms, stored),
        playback.on_demand(stored, stored),
        playback.on_demand(stored - DAY_MS, stored + 1),
        # By the server's clock the end must be past, and the start within what the stream keeps.
        playback.on_demand(now_ms() - 1, now_ms() + 60_000, selector="SERVER_TIMESTAMP"),
        playback.on_demand(stored, now_ms() - 1, selector="SERVER_TIMESTAMP"),
    ):
        with streams.refused("InvalidArgumentException", 400):
            session_url("stored", **dict(options))


def test_both_selectors_play_the_range_that_was_asked_for(site, session_url, stored, source):
    listed = streams.list_fragments(site.server, "stored")
    for selector, name in (("PRODUCER_TIMESTAMP", "ProducerTimestamp"), ("SERVER_TIMESTAMP", "ServerTimestamp")):
        stamps = sorted(round(one[name].timestamp() * 1000) for one in listed)
        url = session_url("stored", **playback.on_demand(stamps[1], stamps[-1], selector=selector))
        if "/hls/" in url:
            shown = playback.lines(playback.media_playlist_url(url))
            assert len(playback.numbers(shown)) == sum(stamp >= stamps[1] for stamp in stamps)
            assert shown[-1] == "#EXT-X-ENDLIST" and playback.value(shown, "EXT-X-PLAYLIST-TYPE") == "VOD"
        else:
            count = playback.fetch(url).text.count("<S ")
            assert count == 2 * sum(stamp >= stamps[1] for stamp in stamps)


def test_a_session_needs_a_stream_with_media(site, session_url, stored):
    client = site.server.client("kinesis-video-archived-media")
    for ask in (client.get_hls_streaming_session_url, client.get_dash_streaming_session_url):
        with streams.refused("ResourceNotFoundException", 404):
            ask(StreamName="nobody")
    with streams.refused("NoDataRetentionException", 400):
        session_url("keeps-nothing")
    for options in ({}, playback.on_demand(now_ms() - 1000, now_ms())):
        with streams.refused("ResourceNotFoundException", 404) as refusal:
            session_url("empty", **options)
        assert "No fragments found in the stream" in refusal.value.response["Error"]["Message"]


def with_codec_private(source, private):
    """The media with another CodecPrivate of its video track, or with none."""
    at = source.tracks.index(b"\x63\xa2")
    size = source.tracks[at + 2 :]
    length = 9 - size[0].bit_length()
    value = int.from_bytes(size[:length], "big") & ((1 << 7 * length) - 1)
    old = source.tracks[at : at + 2 + length + value]
    # An element of the same length, so that nothing around it changes: padding where there is less.
    if private is None:
        new = b"\xec" + (len(old) - 9 | 1 << 56).to_bytes(8, "big") + bytes(len(old) - 9)
    else:
        new = old[: 2 + length] + private.ljust(value, b"\0")
    assert len(new) == len(old)
    return dataclasses.replace(source, tracks=source.tracks.replace(old, new, 1))


def put(site, stream, source):
    """Stores media in a new stream; returns options of a session of it."""
    start_ms = now_ms() - playback.HOUR_MS
    streams.create_stream(site.server, stream)
    producer.put_file(site.server, stream, source, start_ms)
    return playback.on_demand(start_ms, start_ms + source.duration_ms)


def test_codecs_that_cannot_be_played_are_refused_by_name(site, source):
    for stream, path, refused_forms in (
        ("mjpeg", media.mjpeg_mkv(), ["hls", "ts", "dash"]),
        ("h265", media.h265_aac_mkv(4), ["ts"]),
    ):
        options = put(site, stream, producer.media(path))
        for form in ("hls", "ts", "dash"):
            more = {"ContainerFormat": "MPEG_TS"} if form == "ts" else {}
            ask = FORMS["dash" if form == "dash" else "hls"]
            if form in refused_forms:
                with streams.refused("UnsupportedStreamMediaTypeException", 400):
                    ask(site.server, stream, **options, **more)
            else:
                ask(site.server, stream, **options, **more)
    for stream, private, error in (
        ("no-private", None, "MissingCodecPrivateDataException"),
        ("bad-private", b"nonsense", "InvalidCodecPrivateDataException"),
    ):
        options = put(site, stream, with_codec_private(source, private))
        for ask in FORMS.values():
            with streams.refused(error, 400):
                ask(site.server, stream, **dict(options))


@pytest.mark.parametrize("codec", ["alaw", "mulaw", "opus"])
def test_sound_that_mpeg_ts_cannot_carry_is_in_fragmented_mp4_and_left_out_there(site, codec):
    path = getattr(media, f"h264_{codec}_mkv")()
    options = put(site, codec, producer.media(path))
    url = playback.hls_url(site.server, codec, **dict(options))
    kinds = {(of["codec_type"], of["codec_name"]) for of in playback.probe(url)["streams"]}
    if codec == "opus":
        assert kinds == {("video", "h264"), ("audio", "opus")}
        assert playback.packet_hashes(url, "a:0") == playback.packet_hashes(path, "a:0")
    else:
        assert kinds == {("video", "h264"), ("audio", "flac")}
        assert playback.samples(url) == playback.samples(path)
    assert playback.frame_hashes(url) == playback.frame_hashes(path)
    url = playback.hls_url(site.server, codec, **options, ContainerFormat="MPEG_TS")
    (only,) = playback.probe(url)["streams"]
    assert only["codec_name"] == "h264"
    assert playback.frame_hashes(url) == playback.frame_hashes(path)


def urls_of(site, stored, source):
    """One URL of each kind of a session on demand."""
    options = playback.on_demand(stored, stored + source.duration_ms)
    master = playback.hls_url(site.server, "stored", **options)
    playlist = playback.media_playlist_url(master)
    lines = playback.lines(playlist)
    init = playback.value(lines, "EXT-X-MAP").split('"')[1]
    return master, playlist, playback.uris(playlist, [init])[0], playback.uris(playlist, lines)[0]


def test_media_is_kept_by_browsers_and_playlists_are_asked_for_anew(site, stored, source):
    master, playlist, init, segment = urls_of(site, stored, source)
    for url, kind in (
        (master, "application/vnd.apple.mpegurl"),
        (playlist, "application/vnd.apple.mpegurl"),
        (init, "video/mp4"),
        (segment, "video/mp4"),
    ):
        whole = playback.fetch(url)
        assert whole.status == 200 and whole.headers["content-type"] == kind
        kept = whole.headers["cache-control"]
        assert kept == "no-cache" if url in (master, playlist) else "immutable" in kept and "private" in kept
        again = playback.fetch(url, If_None_Match=whole.headers["etag"])
        assert (again.status, again.body) == (304, b"")
        head = playback.fetch(url, method="HEAD")
        assert (head.status, head.body) == (200, b"") and int(head.headers["content-length"]) == len(whole.body)
        part = playback.fetch(url, Range="bytes=10-19")
        assert part.status == 206 and part.body == whole.body[10:20]
        assert part.headers["content-range"] == f"bytes 10-19/{len(whole.body)}"
        beyond = playback.fetch(url, Range="bytes=99999999-")
        assert beyond.status == 416 and beyond.headers["content-range"] == f"bytes */{len(whole.body)}"


def test_pages_of_other_origins_may_call_and_read(site, stored, source):
    origin = "https://viewer.example"
    for url in urls_of(site, stored, source):
        answer = playback.fetch(url, Origin=origin)
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "Content-Range" in answer.headers["access-control-expose-headers"]
    refused = playback.fetch(urls_of(site, stored, source)[0][:-9], Origin=origin)
    assert refused.status == 403 and refused.headers["access-control-allow-origin"] == "*"
    asked = "authorization,content-type,x-amz-date,x-amz-security-token,amz-sdk-request"
    for path in ("/describeStream", "/getHLSStreamingSessionURL", "/", "/hls/v1/getMP4MediaFragment.mp4"):
        preflight = playback.fetch(
            site.server.url + path,
            method="OPTIONS",
            Origin=origin,
            Access_Control_Request_Method="POST",
            Access_Control_Request_Headers=asked,
        )
        assert preflight.status == 204 and preflight.headers["access-control-allow-origin"] == "*"
        assert "POST" in preflight.headers["access-control-allow-methods"]
        assert preflight.headers["access-control-allow-headers"] == asked
    # What is not signed is not opened to other pages.
    assert "access-control-allow-origin" not in playback.fetch(f"{site.server.url}/metrics", Origin=origin).headers
