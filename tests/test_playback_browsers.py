"""hls.js, dash.js and Shaka Player in Debian's Chromium, on a page of another origin than the server."""

import json
import time

import pytest

import browsers
import media
import playback
import producer
import streams

SECONDS = 6
GAP_MS = 20_000


@pytest.mark.timeout(330)
def test_players_in_a_browser(own_site):
    server = own_site.server
    # With B-frames and without.
    av, other = producer.media(media.h264_b_frames_aac_mp4(SECONDS)), producer.media(media.h264_other_aac_mp4(SECONDS))
    start_ms = round(time.time() * 1000) - playback.HOUR_MS
    streams.create_stream(server, "archive")
    at_ms = start_ms
    # Media, a gap, media of another size without a gap.
    producer.put_file(server, "archive", av, at_ms)
    at_ms += av.duration_ms + GAP_MS
    producer.put_file(server, "archive", av, at_ms)
    at_ms += av.duration_ms
    producer.put_file(server, "archive", other, at_ms)
    whole = playback.on_demand(start_ms, at_ms + other.duration_ms)
    hls = {**whole, "DiscontinuityMode": "ON_DISCONTINUITY"}
    sounds = {"alaw": media.h264_alaw_mkv, "opus": media.h264_opus_mkv}
    streams.create_stream(server, "live")
    with producer.live(server, "live", av):
        streams.wait_for_fragments(server, "live", 3)
        live = {"PlaybackMode": "LIVE", "MaxMediaPlaylistFragmentResults": 6}
        site = {
            "onDemand": {
                "hls": playback.hls_url(server, "archive", **hls),
                "hlsTs": playback.hls_url(server, "archive", **hls, ContainerFormat="MPEG_TS"),
                "dash": playback.dash_url(server, "archive", **whole),
                "seconds": 3 * SECONDS,
                "framesPerSecond": media.FRAMES_PER_SECOND,
                "heights": [360, 272],
            },
            "sounds": {name: sound_of(server, name, make(), start_ms) for name, make in sounds.items()},
            "live": {
                "hls": playback.hls_url(server, "live", **live),
                "hlsTs": playback.hls_url(server, "live", **live, ContainerFormat="MPEG_TS"),
                "dash": playback.dash_url(server, "live", PlaybackMode="LIVE", MaxManifestFragmentResults=6),
                "framesPerSecond": media.FRAMES_PER_SECOND,
            },
        }
        print(browsers.run("players.test.mjs", server, SITE=json.dumps(site)))


def sound_of(server, name, path, start_ms):
    """Sessions of a stream with this sound."""
    source = producer.media(path)
    streams.create_stream(server, name)
    producer.put_file(server, name, source, start_ms)
    whole = playback.on_demand(start_ms, start_ms + source.duration_ms)
    return {
        "hls": playback.hls_url(server, name, **dict(whole)),
        "hlsTs": playback.hls_url(server, name, **dict(whole), ContainerFormat="MPEG_TS"),
        "dash": playback.dash_url(server, name, **whole),
    }
