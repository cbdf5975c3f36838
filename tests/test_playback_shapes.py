"""Media that is not as it should be, in players of others: sound that is declared and does not come, fragments without a
key frame, frames that cannot be read, fragments that lie over each other."""

import contextlib
import dataclasses
import json
import os
import time

import browsers
import media
import playback
import producer
import pytest
import streams

SECONDS = 6
VIDEO, SOUND = 1, 2


def test_players_play_it_all(own_site):
    server = own_site.server
    av = producer.media(media.h264_aac_mp4(SECONDS))
    start_ms = round(time.time() * 1000) - playback.HOUR_MS
    site = {name: sessions(server, name, [shape(av)], start_ms) for name, shape in SHAPES.items()}
    mute, other = producer.media(media.h264_mp4(SECONDS)), producer.media(media.h264_other_aac_mp4(SECONDS))
    opus = producer.media(media.h264_opus_mkv())
    changes = {
        "sound-goes-and-returns": [av, mute, av],
        "sound-comes-and-goes": [mute, av, mute],
        "size-changes": [av, other],
        "sound-changes-its-codec": [av, opus],
    }
    site |= {name: sessions(server, name, parts, start_ms) for name, parts in changes.items()}
    ways = os.environ.get("PLAYBACK_WAYS", "")
    print(browsers.run("players-shapes.test.mjs", server, SITE=json.dumps(site), WAYS=ways))


@pytest.mark.skipif(
    os.environ.get("PLAYBACK_WAYS") != "all",
    reason="whether a player keeps up with what is live needs an idle machine: part of `scripts/soak playback-shapes`",
)
def test_players_play_it_all_live(own_site):
    server = own_site.server
    av = producer.media(media.h264_aac_mp4(SECONDS))
    with contextlib.ExitStack() as cameras:
        for name, shape in SHAPES.items():
            streams.create_stream(server, name)
            cameras.enter_context(producer.live(server, name, shape(av)))
        site = {name: live_sessions(server, name, shape(av)) for name, shape in SHAPES.items()}
        ways = os.environ.get("PLAYBACK_WAYS", "")
        print(browsers.run("players-shapes.test.mjs", server, SITE=json.dumps(site), WAYS=ways))


def test_a_range_that_begins_without_a_key_frame_is_served_from_the_one_before_it(site):
    source = halves(producer.media(media.h264_aac_mp4(SECONDS)))
    start_ms = round(time.time() * 1000) - playback.HOUR_MS
    streams.create_stream(site.server, "halves")
    producer.put_file(site.server, "halves", source, start_ms)
    third, fourth = source.fragments[2:4]
    pictures = sum(frame.track == VIDEO for one in source.fragments[2:] for frame in one.frames)
    for begins_ms in (third.start_ms, fourth.start_ms):
        options = playback.on_demand(start_ms + begins_ms, start_ms + source.duration_ms)
        url = playback.hls_url(site.server, "halves", **options)
        assert len(playback.frame_hashes(url)) == pictures


def sessions(server, name, parts, start_ms):
    """Of media in one connection of its producer after another."""
    streams.create_stream(server, name)
    end_ms = start_ms
    for part in parts:
        producer.put_file(server, name, part, end_ms)
        end_ms += part.duration_ms
    whole = playback.on_demand(start_ms, end_ms)
    hls = {**whole, "DiscontinuityMode": "ON_DISCONTINUITY"}
    return {
        "hls": playback.hls_url(server, name, **dict(hls)),
        "hlsTs": playback.hls_url(server, name, **hls, ContainerFormat="MPEG_TS"),
        "dash": playback.dash_url(server, name, **whole),
        **extent(*parts),
    }


def live_sessions(server, name, source):
    streams.wait_for_fragments(server, name, 3)
    hls = {"DiscontinuityMode": "ON_DISCONTINUITY", "Expires": 1800}
    return {
        "hls": playback.hls_url(server, name, **hls),
        "hlsTs": playback.hls_url(server, name, **hls, ContainerFormat="MPEG_TS"),
        "dash": playback.dash_url(server, name, Expires=1800),
        **extent(source),
        "live": True,
    }


def extent(*parts):
    frames = [frame for part in parts for one in part.fragments for frame in one.frames]
    seconds = sum(part.duration_ms for part in parts) / 1000
    return {"seconds": seconds, "frames": sum(frame.track == VIDEO for frame in frames)}


def without_sound(av, fragments):
    """The sound is declared, and not sent in these fragments."""
    kept = [
        dataclasses.replace(one, frames=tuple(frame for frame in one.frames if frame.track == VIDEO))
        if index in fragments
        else one
        for index, one in enumerate(av.fragments)
    ]
    return dataclasses.replace(av, fragments=kept)


def single_pictures(av):
    """A camera that sends key frames alone, and does not say how long they last."""
    first = [next(frame for frame in one.frames if frame.track == VIDEO) for one in av.fragments]
    kept = [dataclasses.replace(one, frames=(frame,)) for one, frame in zip(av.fragments, first, strict=True)]
    default_duration, nothing = b"\x23\xe3\x83", b"\x23\xe3\x84"
    assert default_duration in av.tracks
    return dataclasses.replace(av, tracks=av.tracks.replace(default_duration, nothing), fragments=kept)


def halves(av):
    """Every other fragment begins without a key frame."""
    return producer.cut(av, 500)


def begun_late(av):
    """The first fragment begins without a key frame."""
    return dataclasses.replace(av, fragments=halves(av).fragments[1:])


def broken(av, frame):
    """A picture of the second fragment whose NAL unit ends beyond it."""
    one = av.fragments[1]
    pictures = [at for at, of in enumerate(one.frames) if of.track == VIDEO]
    at = pictures[frame]
    frames = list(one.frames)
    frames[at] = dataclasses.replace(frames[at], data=b"\x7f" + frames[at].data[1:])
    fragments = list(av.fragments)
    fragments[1] = dataclasses.replace(one, frames=tuple(frames))
    return dataclasses.replace(av, fragments=fragments)


def overlapping(av):
    """Each fragment begins before the one ahead of it has ended."""
    early = [
        producer.Fragment(
            one.start_ms - 100 * index,
            one.end_ms - 100 * index,
            tuple(dataclasses.replace(of, timestamp_ms=of.timestamp_ms - 100 * index) for of in one.frames),
        )
        for index, one in enumerate(av.fragments)
    ]
    return dataclasses.replace(av, fragments=early)


SHAPES = {
    "sound-never": lambda av: without_sound(av, range(99)),
    "sound-late": lambda av: without_sound(av, range(2)),
    "sound-pausing": lambda av: without_sound(av, range(2, 4)),
    "single-pictures": single_pictures,
    "halves": halves,
    "begun-late": begun_late,
    "broken-frame": lambda av: broken(av, 3),
    "broken-key-frame": lambda av: broken(av, 0),
    "overlapping": overlapping,
}
