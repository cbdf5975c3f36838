"""Every codec in every form of playback: the frames that were stored, at their times, judged by ffmpeg and ffprobe."""

import itertools
import json
import subprocess
import time

import pytest

import media
import playback
import producer
import streams

COUNT = itertools.count()
SECONDS = 6
HLS = {"DiscontinuityMode": "ON_DISCONTINUITY"}
FORMS = {
    "hls-fmp4": lambda server, stream, options: playback.hls_url(server, stream, **options, **HLS),
    "hls-ts": lambda server, stream, options: playback.hls_url(
        server, stream, **options, **HLS, ContainerFormat="MPEG_TS"
    ),
    "dash": lambda server, stream, options: playback.dash_url(server, stream, **options),
}
MEDIA = {
    "h264": (media.h264_mp4, FORMS),
    "h264-aac": (media.h264_aac_mp4, FORMS),
    "h264-b-frames-aac": (media.h264_b_frames_aac_mp4, FORMS),
    "h265-aac": (media.h265_aac_mkv, ("hls-fmp4", "dash")),
}


def times(source, kind):
    """(presentation time, decode time) of the coded frames in order of decoding, ms; without the latter in Matroska."""
    command = ["ffprobe", "-v", "error", "-select_streams", f"{kind}:0", "-show_entries", "packet=pts_time,dts_time"]
    done = subprocess.run([*command, "-of", "json", str(source)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr, done.stderr
    packets = json.loads(done.stdout)["packets"]
    return [(millis(packet.get("pts_time")), millis(packet.get("dts_time"))) for packet in packets]


def sound_hashes(source):
    """The hash of each coded AAC frame, in MPEG-TS without its ADTS header."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(source), "-map", "0:a:0", "-c", "copy"]
    command += ["-bsf:a", "aac_adtstoasc", "-f", "framemd5", "-"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return [line.split(",")[5].strip() for line in done.stdout.splitlines() if not line.startswith("#")]


def millis(time):
    return None if time is None else round(float(time) * 1000)


@pytest.mark.parametrize(("name", "form"), [(name, form) for name, (_, forms) in MEDIA.items() for form in forms])
def test_frames_and_their_times_are_those_that_were_stored(site, name, form):
    source = MEDIA[name][0](SECONDS)
    start_ms = round(time.time() * 1000) - playback.HOUR_MS
    stream = f"forms-{next(COUNT)}"
    streams.create_stream(site.server, stream)
    producer.put_file(site.server, stream, producer.media(source), start_ms)
    options = playback.on_demand(start_ms, start_ms + 60_000)
    url = FORMS[form](site.server, stream, options)
    assert playback.frame_hashes(url) == playback.frame_hashes(source)
    found, stored = times(url, "v"), times(source, "v")
    offset = found[0][0] - stored[0][0]
    assert [pts for pts, _ in found] == [pts + offset for pts, _ in stored]
    assert all(dts <= pts for pts, dts in found)
    assert all(before[1] < after[1] for before, after in itertools.pairwise(found))
    if name == "h264":
        return
    assert sound_hashes(url) == sound_hashes(source)
    found, stored = times(url, "a"), times(source, "a")
    # Sound and pictures are as far apart as they were.
    assert all(abs(pts - offset - expect) <= 3 for (pts, _), (expect, _) in zip(found, stored, strict=True))
