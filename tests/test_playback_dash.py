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


@pytest.mark.parametrize("law", ["alaw", "mulaw"])
def test_g711_is_carried_as_flac_of_the_same_samples(site, start_ms, law):
    path = getattr(media, f"h264_{law}_mkv")()
    source = producer.media(path)
    put(site.server, law, source, start_ms)
    url = playback.dash_url(site.server, law, **playback.on_demand(start_ms, start_ms + source.duration_ms))
    rate = {"alaw": "8000", "mulaw": "11025"}[law]
    manifest = playback.fetch(url).text
    assert 'codecs="fLaC"' in manifest and f'audioSamplingRate="{rate}"' in manifest
    (sound,) = [of for of in playback.probe(url)["streams"] if of["codec_type"] == "audio"]
    assert (sound["codec_name"], sound["sample_rate"]) == ("flac", rate)
    assert playback.samples(url) == playback.samples(path)
    assert playback.frame_hashes(url) == playback.frame_hashes(path)


def test_opus_is_carried(site, start_ms):
    path = media.h264_opus_mkv()
    source = producer.media(path)
    put(site.server, "opus", source, start_ms)
    url = playback.dash_url(site.server, "opus", **playback.on_demand(start_ms, start_ms + source.duration_ms))
    assert 'codecs="Opus"' in playback.fetch(url).text
    assert playback.packet_hashes(url, "a:0") == playback.packet_hashes(path, "a:0")
    assert playback.frame_hashes(url) == playback.frame_hashes(path)


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
