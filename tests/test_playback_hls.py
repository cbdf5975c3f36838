"""HLS sessions, with ffmpeg and ffprobe as players and boto3 as the caller."""

import time

import pytest

import media
import playback
import producer
import streams
from waiting import eventually

SECONDS = 6


@pytest.fixture(scope="module")
def av():
    return producer.media(media.h264_aac_mp4(SECONDS))


@pytest.fixture(scope="module")
def stored(site, av):
    """A stream that holds the media once, an hour old by the producer's clock; returns its name and start."""
    start_ms = round(time.time() * 1000) - playback.HOUR_MS
    streams.create_stream(site.server, "stored")
    producer.put_file(site.server, "stored", av, start_ms)
    return "stored", start_ms


def test_on_demand_playback_gives_every_stored_frame(site, stored, av):
    stream, start_ms = stored
    url = playback.hls_url(site.server, stream, **playback.on_demand(start_ms, start_ms + av.duration_ms))
    assert "/hls/v1/getHLSMasterPlaylist.m3u8?SessionToken=" in url and url.endswith("~")
    source = media.h264_aac_mp4(SECONDS)
    assert playback.frame_hashes(url) == playback.frame_hashes(source)
    assert playback.packet_hashes(url, "a:0") == playback.packet_hashes(source, "a:0")
    probed = playback.probe(url)["streams"]
    kinds = {(of["codec_type"], of["codec_name"]) for of in probed}
    assert kinds == {("video", "h264"), ("audio", "aac")}


def test_a_live_session_lists_fragments_as_they_are_persisted(site, av):
    streams.create_stream(site.server, "live")
    start_ms = round(time.time() * 1000)
    with producer.connect(site.server, "live") as upload:
        upload.send(av.header())
        for one in av.fragments[:3]:
            upload.send(av.cluster(start_ms, one))
        upload.wait_for("PERSISTED", 2)
        url = playback.hls_url(site.server, "live")
        playlist_url = playback.media_playlist_url(url)
        before = playback.numbers(playback.lines(playlist_url))
        assert sorted(before.values()) == [1, 2]
        upload.send(av.cluster(start_ms, av.fragments[3]))
        upload.wait_for("PERSISTED", 3)
        after = playback.numbers(playback.lines(playlist_url))
        assert len(after) == 3 and before.items() <= after.items()
        upload.finish()
    lines = eventually(
        lambda: found if len(playback.numbers(found := playback.lines(playlist_url))) == 4 else None, 10, "4 fragments"
    )
    assert "#EXT-X-ENDLIST" not in lines
