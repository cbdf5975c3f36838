"""DASH sessions, with ffmpeg and ffprobe as players and boto3 as the caller."""

import re
import time

import pytest

import media
import playback
import producer
import streams

SECONDS = 6


def put(server, stream, source, start_ms):
    streams.create_stream(server, stream)
    producer.put_file(server, stream, source, start_ms)


@pytest.fixture(scope="module")
def start_ms():
    return round(time.time() * 1000) - playback.HOUR_MS


def test_on_demand_playback_gives_every_stored_frame(site, start_ms):
    path = media.h264_aac_mp4(SECONDS)
    source = producer.media(path)
    put(site.server, "av", source, start_ms)
    url = playback.dash_url(site.server, "av", **playback.on_demand(start_ms, start_ms + source.duration_ms))
    assert "/dash/v1/getDASHManifest.mpd?SessionToken=" in url and url.endswith("~")
    assert playback.frame_hashes(url) == playback.frame_hashes(path)
    assert playback.packet_hashes(url, "a:0") == playback.packet_hashes(path, "a:0")


def test_h265_is_played(site, start_ms):
    path = media.h265_aac_mkv(SECONDS)
    source = producer.media(path)
    put(site.server, "h265", source, start_ms)
    url = playback.dash_url(site.server, "h265", **playback.on_demand(start_ms, start_ms + source.duration_ms))
    found = {of["codec_type"]: of for of in playback.probe(url)["streams"]}
    assert found["video"]["codec_name"] == "hevc" and found["video"]["codec_tag_string"] == "hvc1"
    assert playback.frame_hashes(url) == playback.frame_hashes(path)


def test_g711_is_carried(site, start_ms, tmp_path):
    path = media.h264_alaw_mkv()
    source = producer.media(path)
    put(site.server, "alaw", source, start_ms)
    url = playback.dash_url(site.server, "alaw", **playback.on_demand(start_ms, start_ms + source.duration_ms))
    manifest = playback.fetch(url).text
    assert 'codecs="alaw"' in manifest and 'audioSamplingRate="8000"' in manifest
    # ffmpeg's DASH reader passes no G.711 on: what the segments hold is read as MP4, one behind the other.
    sound = b"".join(segments(url, manifest, 2))
    joined = tmp_path / "sound.mp4"
    joined.write_bytes(sound)
    (only,) = playback.probe(joined)["streams"]
    assert (only["codec_name"], only["sample_rate"], only["channels"]) == ("pcm_alaw", "8000", 1)
    assert playback.samples(joined) == playback.samples(path)
    sent = b"".join(frame.data for one in source.fragments for frame in one.frames if frame.track == 2)
    assert b"alaw" in sound
    payload = b"".join(re.findall(rb"mdat(.*?)(?=\x00\x00..moof|$)", sound, re.DOTALL))
    assert payload == sent


def segments(url, manifest, track):
    """The init and media segments of a track in a manifest of one period."""
    (text,) = re.findall(rf'<AdaptationSet id="{track}".*?</AdaptationSet>', manifest, re.DOTALL)
    init, template = (re.search(rf'{name}="([^"]*)"', text)[1].replace("&amp;", "&") for name in ("initialization", "media"))
    times = re.findall(r'<S t="(\d+)"', text)
    base = url.split("getDASHManifest")[0]
    for relative in [init, *(template.replace("$Time$", at) for at in times)]:
        answer = playback.fetch(base + relative)
        assert answer.status == 200, answer.text
        yield answer.body


def test_timestamps_and_numbers_are_shown_when_they_are_wanted(site, start_ms):
    source = producer.media(media.h264_mp4(SECONDS))
    put(site.server, "shown", source, start_ms)
    options = playback.on_demand(start_ms, start_ms + source.duration_ms)
    plain = playback.fetch(playback.dash_url(site.server, "shown", **options)).text
    assert "kvs:ts" not in plain and "kvs:fn" not in plain
    shown = playback.dash_url(
        site.server, "shown", DisplayFragmentTimestamp="ALWAYS", DisplayFragmentNumber="ALWAYS", **options
    )
    shown = playback.fetch(shown).text
    listed = streams.list_fragments(site.server, "shown")
    assert re.findall(r'kvs:fn="(\d+)"', shown) == [one["FragmentNumber"] for one in listed]
    starts = [f"{streams.start_ms(one) / 1000:.3f}" for one in listed]
    assert re.findall(r'kvs:ts="([\d.]+)"', shown) == starts


def test_a_live_manifest_grows_and_its_timeline_stays(site):
    source = producer.media(media.h264_mp4(SECONDS))
    streams.create_stream(site.server, "live")
    start_ms = round(time.time() * 1000)
    with producer.connect(site.server, "live") as upload:
        upload.send(source.header())
        for one in source.fragments[:4]:
            upload.send(source.cluster(start_ms, one))
        upload.wait_for("PERSISTED", 3)
        url = playback.dash_url(site.server, "live", MaxManifestFragmentResults=4)
        before = playback.fetch(url).text
        for one in source.fragments[4:]:
            upload.send(source.cluster(start_ms, one))
        upload.finish()
        upload.wait_for("PERSISTED", len(source.fragments))
    after = playback.fetch(url).text

    def fixed(manifest):
        """What players build on."""
        names = ("type", "availabilityStartTime", "presentationTimeOffset", "start", "bandwidth", "initialization")
        return [re.findall(rf' {name}="([^"]*)"', manifest) for name in names]

    assert fixed(before) == fixed(after)
    assert 'type="dynamic"' in before
    starts = [[int(at) for at in re.findall(r'<S t="(\d+)"', text)] for text in (before, after)]
    expected = [start_ms + one.start_ms for one in source.fragments]
    assert starts == [expected[:3], expected[-4:]]
