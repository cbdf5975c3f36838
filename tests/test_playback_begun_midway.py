"""What begins in the middle: key frames several fragments apart, tracks that come and go, a stream that has just begun."""

import concurrent.futures
import time

import pytest

import media
import playback
import producer
from streams import create_stream, wait_for_fragments
from test_clip import frame_hashes, get_clip
from test_images import ask, file_of, frames_of_ffmpeg, pixels

SECONDS = 6


@pytest.fixture(scope="module")
def long_group():
    """Six fragments of a second, of which the first alone has a key frame."""
    return producer.cut(producer.media(media.h264_long_group_mp4(SECONDS)), 1000)


def test_the_image_of_any_instant_is_decoded_from_its_key_frame(site, long_group):
    start_ms = round(time.time() * 1000) - playback.HOUR_MS
    create_stream(site.server, "images")
    producer.put_file(site.server, "images", long_group, start_ms)
    for first_s, count in ((4.2, 1), (0.2, SECONDS)):
        begin, end = start_ms / 1000 + first_s, start_ms / 1000 + first_s + count - 1
        images = ask(site.server, "images", begin, end)["Images"]
        assert [image.get("Error") for image in images] == [None] * count
        numbers = [round((first_s + at) * media.FRAMES_PER_SECOND) for at in range(count)]
        expected = frames_of_ffmpeg(media.h264_long_group_mp4(SECONDS), numbers)
        assert [pixels(file_of(image)) for image in images] == list(expected)


def test_a_clip_begins_with_the_fragment_that_has_its_key_frame(site, long_group, tmp_path):
    start_ms = round(time.time() * 1000) - playback.HOUR_MS
    create_stream(site.server, "clip")
    producer.put_file(site.server, "clip", long_group, start_ms)
    path = tmp_path / "clip.mp4"
    path.write_bytes(get_clip(site.server, "clip", start_ms / 1000 + 2.9, start_ms / 1000 + 3.1))
    whole = frame_hashes(media.h264_long_group_mp4(SECONDS), "v")
    assert frame_hashes(path, "v") == whole[: 4 * media.FRAMES_PER_SECOND]


def test_a_live_session_begins_with_the_fragment_that_has_its_key_frame(site, long_group):
    create_stream(site.server, "live")
    producer.put_file(site.server, "live", long_group, round(time.time() * 1000) - long_group.duration_ms)
    wait_for_fragments(site.server, "live", SECONDS)
    url = playback.media_playlist_url(playback.hls_url(site.server, "live", MaxMediaPlaylistFragmentResults=2))
    listed = playback.lines(url)
    assert len(playback.uris(url, listed)) == SECONDS
    assert playback.value(listed, "EXT-X-START") == "TIME-OFFSET=-6.000"
    assert "#EXT-X-INDEPENDENT-SEGMENTS" not in listed


def test_a_session_goes_on_where_the_set_of_tracks_changes(site):
    av, mute = producer.media(media.h264_aac_mp4(SECONDS)), producer.media(media.h264_mp4(SECONDS))
    begun_ms = round(time.time() * 1000) - playback.HOUR_MS
    frames = [frame for source in (mute, av, mute) for one in source.fragments for frame in one.frames if frame.track == 1]
    create_stream(site.server, "tracks")
    start_ms = begun_ms
    for source in (mute, av, mute):
        producer.put_file(site.server, "tracks", source, start_ms)
        start_ms += source.duration_ms
    for first, last in ((begun_ms, start_ms), (begun_ms + mute.duration_ms, start_ms)):
        url = playback.hls_url(site.server, "tracks", **playback.on_demand(first, last), ContainerFormat="MPEG_TS")
        expected = len(frames) if first == begun_ms else len(frames) - len(mute.fragments) * media.FRAMES_PER_SECOND
        assert len(playback.frame_hashes(url)) == expected
        assert len(playback.frame_hashes(url, "a:0", quiet=False)) > 0




def test_a_live_list_of_mpeg_ts_waits_for_its_third_fragment(site):
    source = producer.media(media.h264_mp4(SECONDS))
    start_ms = round(time.time() * 1000) - source.duration_ms
    create_stream(site.server, "begun")
    producer.put_file(site.server, "begun", source, start_ms, source.fragments[:1])
    asked = time.monotonic()
    session = playback.hls_url(site.server, "begun", ContainerFormat="MPEG_TS")
    url = playback.media_playlist_url(session)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        listed = pool.submit(playback.lines, url)
        producer.put_file(site.server, "begun", source, start_ms, source.fragments[1:3])
        assert len(playback.uris(url, listed.result())) == 3
    assert len(playback.uris(url, playback.lines(url))) == 3
    assert time.monotonic() - asked < 20
