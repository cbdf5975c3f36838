"""Makes the media the tests play, with ffmpeg, into the ignored folder tests/media. Never a copy of anyone's footage.

Every picture and every audio frame of a file differs from all others (a moving pattern with a frame counter, noise), so
that a missing, doubled or misplaced frame cannot hide.
"""

import hashlib
import os
import pathlib
import subprocess
import tempfile

FOLDER = pathlib.Path(__file__).parent / "media"

FRAMES_PER_SECOND = 25


def _pattern(seconds, size="640x360"):
    return ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate={FRAMES_PER_SECOND}:duration={seconds}"]


def _noise(seconds, sample_rate=48_000):
    return ["-f", "lavfi", "-i", f"anoisesrc=seed=7:amplitude=0.2:sample_rate={sample_rate}:duration={seconds}"]


# One key frame a second and nothing else that starts a group; no B-frames, as cameras do it.
_H264 = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-b:v", "800k"]
_H264_CAMERA = [*_H264, "-g", "25", "-keyint_min", "25", "-sc_threshold", "0", "-bf", "0"]
_H265_CAMERA = [
    "-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-b:v", "800k", "-tag:v", "hvc1",
    "-x265-params", "keyint=25:min-keyint=25:scenecut=0:bframes=0:open-gop=0:log-level=error",
]  # fmt: skip
_AAC = ["-c:a", "aac", "-b:a", "64k"]
# B-frames as an encoder with its default settings makes them, with a key frame a second.
_H264_B_FRAMES = [*_H264, "-g", "25", "-keyint_min", "25", "-sc_threshold", "0", "-bf", "3"]


def _make(name, arguments):
    """Returns the path of the file that ffmpeg makes from `arguments`, making it if it is not there yet."""
    stem, suffix = name.rsplit(".", 1)
    recipe = hashlib.sha256("\0".join(arguments).encode()).hexdigest()[:12]
    path = FOLDER / f"{stem}-{recipe}.{suffix}"
    if path.exists():
        return path
    FOLDER.mkdir(exist_ok=True)
    # Test processes run side by side: each makes its own and the rename decides.
    handle, partial = tempfile.mkstemp(dir=FOLDER, prefix=f"{stem}-", suffix=f".partial.{suffix}")
    os.close(handle)
    try:
        subprocess.run(
            ["ffmpeg", "-nostdin", "-v", "error", "-y", *arguments, "-threads", "2", partial], check=True, timeout=120
        )
        os.replace(partial, path)
    finally:
        pathlib.Path(partial).unlink(missing_ok=True)
    return path


def low_rate_mp4():
    """H.264 of few bytes, 5 pictures a second, for many producers at once."""
    pattern = ["-f", "lavfi", "-i", "testsrc2=size=160x90:rate=5:duration=8"]
    encoder = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-b:v", "40k", "-bf", "0"]
    return _make("h264-low-rate-8s.mp4", [*pattern, *encoder, "-g", "5", "-keyint_min", "5", "-sc_threshold", "0"])


# A group of two seconds, as cameras come.
_LONG_GROUP = ["-g", "50", "-keyint_min", "50"]


def sub_stream_mp4(seconds=10):
    """H.264 of 640 by 360 at 500 kbit/s, as cameras' sub-streams are."""
    return _make(f"h264-sub-stream-{seconds}s.mp4", [*_pattern(seconds), *_H264_CAMERA, *_LONG_GROUP, "-b:v", "500k"])


def main_stream_mkv(seconds=120):
    """H.264 of 1920 by 1080 at 4 Mbit/s, as cameras' main streams are."""
    full_hd = _pattern(seconds, "1920x1080")
    return _make(f"h264-main-stream-{seconds}s.mkv", [*full_hd, *_H264_CAMERA, *_LONG_GROUP, "-b:v", "4M"])


def h264_mp4(seconds=10):
    """H.264 without audio in MP4."""
    return _make(f"h264-{seconds}s.mp4", [*_pattern(seconds), *_H264_CAMERA])


def h264_aac_mp4(seconds=10):
    """H.264 with AAC in MP4."""
    return _make(f"h264-aac-{seconds}s.mp4", [*_pattern(seconds), *_noise(seconds), *_H264_CAMERA, *_AAC])


def h264_aac_mkv(seconds=10):
    """H.264 with AAC in Matroska."""
    return _make(f"h264-aac-{seconds}s.mkv", [*_pattern(seconds), *_noise(seconds), *_H264_CAMERA, *_AAC])


def h264_b_frames_aac_mp4(seconds=10):
    """H.264 with B-frames and AAC in MP4, as an encoder with its default settings writes it."""
    return _make(f"h264-b-frames-aac-{seconds}s.mp4", [*_pattern(seconds), *_noise(seconds), *_H264, "-g", "50", *_AAC])


def h264_b_frames_aac_mkv(seconds=10):
    """H.264 with B-frames and AAC in Matroska."""
    return _make(f"h264-b-frames-aac-{seconds}s.mkv", [*_pattern(seconds), *_noise(seconds), *_H264_B_FRAMES, *_AAC])


def h265_mulaw_mkv(seconds=10):
    """H.265 with G.711 µ-law in Matroska."""
    law = ["-c:a", "pcm_mulaw", "-ar", "8000", "-ac", "1"]
    return _make(f"h265-mulaw-{seconds}s.mkv", [*_pattern(seconds), *_noise(seconds, 8000), *_H265_CAMERA, *law])


def h264_many_key_frames_mp4(seconds=4):
    """H.264 with a key frame every five pictures."""
    often = ["-g", "5", "-keyint_min", "5"]
    return _make(f"h264-many-key-frames-{seconds}s.mp4", [*_pattern(seconds), *_H264_CAMERA, *often])


def heavy_repeated_h264_mp4(times):
    """`heavy_h264_mp4` so many times one after another: 25 MB each time."""
    repeated = ["-stream_loop", str(times - 1), "-i", str(heavy_h264_mp4()), "-c", "copy"]
    return _make(f"heavy-h264-{times}-times.mp4", repeated)


def h264_long_group_mp4(seconds=6):
    """H.264 without audio, with a key frame at its start and no other."""
    return _make(f"h264-long-group-{seconds}s.mp4", [*_pattern(seconds), *_H264_CAMERA, "-g", "1000", "-keyint_min", "1000"])


def h264_other_mp4(seconds=10):
    """H.264 without audio in MP4, of another size than the rest."""
    return _make(f"h264-other-{seconds}s.mp4", [*_pattern(seconds, "480x272"), *_H264_CAMERA])


def h264_mkv(seconds=10):
    """H.264 without audio in Matroska."""
    return _make(f"h264-{seconds}s.mkv", [*_pattern(seconds), *_H264_CAMERA])


def small_h264_mkv(seconds=10):
    """H.264 of another size, and so with other parameter sets."""
    return _make(f"small-h264-{seconds}s.mkv", [*_pattern(seconds, "320x180"), *_H264_CAMERA])


def small_h264_aac_mkv(seconds=10):
    """H.264 with AAC of small pictures, for hours that are quickly made."""
    return _make(f"small-h264-aac-{seconds}s.mkv", [*_pattern(seconds, "320x180"), *_noise(seconds), *_H264_CAMERA, *_AAC])


def changing_parts(codec):
    """What the changing files are made of: a raw stream for each size, two seconds long, with its parameter sets."""
    encoder = _H264_CAMERA if codec == "h264" else _H265_CAMERA[: _H265_CAMERA.index("-tag:v")] + _H265_CAMERA[-2:]
    suffix = "h264" if codec == "h264" else "hevc"
    return {
        size: _make(f"part-{codec}-{size[0]}.{suffix}", [*_pattern(2, f"{size[0]}x{size[1]}"), *encoder])
        for size in ((640, 360), (320, 180))
    }


def _changing_mkv(codec):
    parts = "|".join(str(part) for part in changing_parts(codec).values())
    return _make(f"changing-{codec}.mkv", ["-framerate", "25", "-i", f"concat:{parts}", "-c", "copy"])


def changing_h264_mkv():
    """H.264 whose size changes after two seconds, with the parameter sets in the stream."""
    return _changing_mkv("h264")


def changing_h265_mkv():
    """H.265 whose size changes after two seconds, with the parameter sets in the stream."""
    return _changing_mkv("hevc")


def h265_mp4(seconds=10):
    """H.265 without audio in MP4."""
    return _make(f"h265-{seconds}s.mp4", [*_pattern(seconds), *_H265_CAMERA])


def h265_aac_mkv(seconds=10):
    """H.265 with AAC in Matroska."""
    return _make(f"h265-aac-{seconds}s.mkv", [*_pattern(seconds), *_noise(seconds), *_H265_CAMERA, *_AAC])


def odd_h264_mkv(seconds=4):
    """H.264 of a size that is no multiple of a macroblock: cropped on both sides."""
    return _make(f"odd-h264-{seconds}s.mkv", [*_pattern(seconds, "418x234"), *_H264_CAMERA])


def bt709_full_h264_mkv(seconds=4):
    """H.264 in the colours of BT.709 and of full range, as it says itself."""
    said = ["-color_range", "pc", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]
    return _make(f"bt709-full-h264-{seconds}s.mkv", [*_pattern(seconds, "320x180"), *_H264_CAMERA, *said])


def _h265_mkv(name, seconds, more, parameters):
    encoder = [*_H265_CAMERA[:-1], f"{_H265_CAMERA[-1]}:{parameters}", *more]
    return _make(f"{name}-{seconds}s.mkv", [*_pattern(seconds, "320x180"), *encoder])


def ten_bit_h265_mkv(seconds=4):
    """H.265 with samples of 10 bits."""
    return _h265_mkv("ten-bit-h265", seconds, ["-pix_fmt", "yuv420p10le"], "profile=main10")


def bt709_h265_mkv(seconds=4):
    """H.265 in the colours of BT.709, as it says itself."""
    said = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]
    return _h265_mkv("bt709-h265", seconds, said, "range=limited:colormatrix=bt709")


def b_frames_h265_mkv(seconds=4):
    """H.265 with B-frames, of which some are referred to."""
    return _h265_mkv("b-frames-h265", seconds, [], "bframes=3:b-pyramid=1")


def full_chroma_h264_mkv(seconds=4):
    """H.264 4:4:4, which no camera makes and few decoders know."""
    return _make(f"full-chroma-h264-{seconds}s.mkv", [*_pattern(seconds, "320x180"), *_H264_B_FRAMES, "-pix_fmt", "yuv444p"])


def half_chroma_h265_mkv(seconds=4):
    """H.265 4:2:2."""
    return _h265_mkv("half-chroma-h265", seconds, ["-pix_fmt", "yuv422p"], "profile=main422-10")


def vp8_opus_webm(seconds=10):
    """VP8 with Opus in WebM: codecs that the store knows nothing of."""
    video = ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "800k", "-g", "25"]
    return _make(f"vp8-opus-{seconds}s.webm", [*_pattern(seconds), *_noise(seconds), *video, "-c:a", "libopus"])


def mjpeg_mkv(seconds=5):
    """Motion JPEG, which no part of Kinesis Video Streams takes from a camera."""
    return _make(f"mjpeg-{seconds}s.mkv", [*_pattern(seconds, "320x180"), "-c:v", "mjpeg", "-q:v", "5"])


_HEAVY = ["-vf", "noise=alls=60:allf=t", "-b:v", "40M", "-maxrate", "40M", "-bufsize", "8M"]


def heavy_h264_mp4(seconds=5):
    """H.264 of about 40 Mbit/s: fills the least size limit there is (64 MB) in a quarter of a minute."""
    return _make(f"heavy-h264-{seconds}s.mp4", [*_pattern(seconds, "1280x720"), *_H264_CAMERA, *_HEAVY])


def heavy_h264_mkv(seconds=5):
    """The same in Matroska."""
    return _make(f"heavy-h264-{seconds}s.mkv", [*_pattern(seconds, "1280x720"), *_H264_CAMERA, *_HEAVY])


def h264_other_aac_mp4(seconds=6):
    """H.264 with AAC in MP4, of another size than the rest."""
    return _make(
        f"h264-other-aac-{seconds}s.mp4", [*_pattern(seconds, "480x272"), *_noise(seconds), *_H264_CAMERA, *_AAC]
    )


def h264_alaw_mkv(seconds=4):
    """H.264 with G.711 in Matroska, as many cameras make it."""
    alaw = ["-c:a", "pcm_alaw", "-ar", "8000", "-ac", "1"]
    return _make(f"h264-alaw-{seconds}s.mkv", [*_pattern(seconds), *_noise(seconds, 8000), *_H264_CAMERA, *alaw])


def h264_mulaw_mkv(seconds=4):
    """The other law, at a rate that not many have and in stereo."""
    mulaw = ["-c:a", "pcm_mulaw", "-ar", "11025", "-ac", "2"]
    return _make(f"h264-mulaw-{seconds}s.mkv", [*_pattern(seconds), *_noise(seconds, 11025), *_H264_CAMERA, *mulaw])


def h264_opus_mkv(seconds=4):
    """H.264 with Opus in Matroska."""
    opus = ["-c:a", "libopus", "-b:a", "48k", "-ac", "1"]
    return _make(f"h264-opus-{seconds}s.mkv", [*_pattern(seconds), *_noise(seconds), *_H264_CAMERA, *opus])


def _muxed(name, seconds, *more):
    """The pictures and the sound of `h264_b_frames_aac_mp4`, written in another way."""
    return _make(name, ["-i", str(h264_b_frames_aac_mp4(seconds)), "-c", "copy", *more])


def faststart_mp4(seconds=8):
    """With the index in front of the media."""
    return _muxed(f"faststart-{seconds}s.mp4", seconds, "-movflags", "+faststart")


def fragmented_mp4(seconds=8):
    """Fragmented, as recorders write that may lose their power."""
    return _muxed(f"fragmented-{seconds}s.mp4", seconds, "-movflags", "frag_keyframe+empty_moov+default_base_moof")


def many_clusters_mkv(seconds=8):
    """Matroska with a Cluster for each second."""
    return _muxed(f"many-clusters-{seconds}s.mkv", seconds, "-cluster_time_limit", "1000")


def other_sound(codec, suffix, *more, seconds=4):
    """H.264 with sound that KVS does not carry, or that is no AAC."""
    name = f"h264-{codec}-{seconds}s.{suffix}"
    return _make(name, [*_pattern(seconds), *_noise(seconds), *_H264_CAMERA, "-c:a", codec, *more])


def mjpeg_mov(seconds=2):
    """Motion JPEG in QuickTime."""
    return _make(f"mjpeg-{seconds}s.mov", [*_pattern(seconds, "320x180"), "-c:v", "mjpeg", "-q:v", "5"])


def late_pictures_mkv(seconds=4):
    """Sound that begins two thirds of a second before the pictures."""
    late = ["-itsoffset", "0.66", *_pattern(seconds), *_noise(seconds), *_H264_CAMERA, *_AAC]
    return _make(f"late-pictures-{seconds}s.mkv", late)


def packet_ends(path):
    """Where each packet of a file ends in it, by ffprobe: {kind: [byte]} in file order."""
    entries = "packet=codec_type,pos,size"
    command = ["ffprobe", "-v", "error", "-show_entries", entries, "-of", "csv=p=0", path]
    lines = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.splitlines()
    ends = {"video": [], "audio": []}
    for line in filter(None, lines):
        kind, size, position, *_ = line.split(",")
        ends[kind].append(int(position) + int(size))
    return ends


def aac_mp4(seconds=6):
    """AAC without video in MP4."""
    return _make(f"aac-{seconds}s.mp4", [*_noise(seconds), *_AAC])


def packets(path, kind):
    """(presentation time, decode time or None, key) of a file's packets, by ffprobe; times in ms."""
    entries = "packet=pts_time,dts_time,flags"
    command = ["ffprobe", "-v", "error", "-select_streams", kind, "-show_entries", entries, "-of", "csv=p=0", path]
    lines = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.splitlines()
    rows = [line.split(",") for line in lines if line]
    return [(_millis(pts), _millis(dts), flags.startswith("K")) for pts, dts, flags, *_ in rows]


def _millis(time):
    return None if time == "N/A" else round(float(time) * 1000)


def scripted_camera_folder():
    """What tests/scripted_camera.py plays: raw pictures in one slice and in four, ten seconds with a key frame each, and
    sound."""
    pattern = _pattern(10, "320x180")
    h264 = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-b:v", "300k"]
    h265 = ["-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-b:v", "300k"]
    groups = "keyint=25:min-keyint=25:scenecut=0:bframes=0"
    tone = ["-f", "lavfi", "-i", "sine=frequency=440:duration=10", "-ac", "1"]
    recipes = {
        "h264.264": [*pattern, *h264, "-x264-params", f"{groups}:slices=1:sliced-threads=0"],
        "h264slices.264": [*pattern, *h264, "-x264-params", f"{groups}:slices=4"],
        "h265.265": [*pattern, *h265, "-x265-params", f"{groups}:repeat-headers=1:log-level=error:slices=1"],
        "h265slices.265": [*pattern, *h265, "-x265-params", f"{groups}:repeat-headers=1:log-level=error:slices=4"],
        "aac.aac": [*tone, "-ar", "16000", "-c:a", "aac", "-b:a", "32k"],
        "alaw.raw": [*tone, "-ar", "8000", "-f", "alaw"],
    }
    folder = FOLDER / "scripted-camera"
    folder.mkdir(parents=True, exist_ok=True)
    for name, arguments in recipes.items():
        made, link = _make(name, arguments), folder / name
        if not link.exists():
            partial = folder / f"{name}.{os.getpid()}"
            partial.symlink_to(made)
            partial.rename(link)
    return folder
