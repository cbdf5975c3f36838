"""GetImages: pictures out of stored media, compared with ffmpeg's to the pixel, asked for by boto3 and by the AWS CLI."""

import base64
import bisect
import concurrent.futures
import itertools
import os
import random
import re
import signal
import struct
import subprocess

import botocore.exceptions
import pytest

import media
import processes
import put_media
from damaged import another_codec, broken_frames, without_codec_private
from streams import create_stream, data_client, list_fragments, refused
from waiting import eventually

START = 1_795_000_000
COUNT = itertools.count()
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
# The one rule by which colours become RGB (docs/playback.md), in ffmpeg's words.
EXACT = "neighbor+accurate_rnd+full_chroma_int"


@pytest.fixture
def stream(site):
    name = f"images-{next(COUNT)}"
    create_stream(site.server, name)
    return name


def client_of(server, stream):
    return data_client(server, "kinesis-video-archived-media", stream, "GET_IMAGES")


def ask(server, stream, start, end, interval_ms=1000, format="PNG", selector="PRODUCER_TIMESTAMP", **more):
    return client_of(server, stream).get_images(
        StreamName=stream, ImageSelectorType=selector, StartTimestamp=start, EndTimestamp=end,
        SamplingInterval=interval_ms, Format=format, **more,
    )  # fmt: skip


def file_of(image):
    return base64.b64decode(image["ImageContent"], validate=True)


def size_of(png):
    return struct.unpack(">II", png[16:24])


def pixels(file):
    """(width and height, RGB) of an image file, by ffmpeg."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-f", "image2pipe", "-i", "-", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    return subprocess.run(command, input=file, check=True, capture_output=True, timeout=60).stdout


def frames_of_ffmpeg(path, numbers, flags=EXACT):
    """RGB of the frames with these numbers, in the order in which they are shown."""
    chosen = "+".join(f"eq(n\\,{number})" for number in numbers)
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", path, "-vf", f"select={chosen},scale=flags={flags}"]
    command += ["-vsync", "0", "-sws_flags", flags, "-pix_fmt", "rgb24", "-f", "rawvideo", "-"]
    whole = subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
    assert whole and len(whole) % len(numbers) == 0
    length = len(whole) // len(numbers)
    return [whole[at : at + length] for at in range(0, len(whole), length)]


MEDIA = {
    "h264": media.h264_mkv,
    "h264-b-frames": media.h264_b_frames_aac_mkv,
    "h264-odd-size": media.odd_h264_mkv,
    "h264-bt709-full-range": media.bt709_full_h264_mkv,
    "h265": media.h265_aac_mkv,
    "h265-10-bit": media.ten_bit_h265_mkv,
    "h265-bt709": media.bt709_h265_mkv,
    "h265-b-frames": media.b_frames_h265_mkv,
}


# What the decoders in Rust do not know and ffmpeg does.
FALLBACK = {"h264-full-chroma": media.full_chroma_h264_mkv, "h265-half-chroma": media.half_chroma_h265_mkv}
MEDIA |= FALLBACK


@pytest.mark.parametrize("name", MEDIA)
def test_a_png_is_ffmpegs_picture_of_the_same_frame_to_the_pixel(site, stream, name):
    source = MEDIA[name](4)
    put_media.put(site.server, stream, put_media.recorded(source, START))
    times = sorted(time for time, _, _ in media.packets(source, "v"))
    instants_ms = [440, 1000, 1320, 3800]
    expected = frames_of_ffmpeg(source, [bisect.bisect_right(times, at) - 1 for at in instants_ms])
    for at, expect in zip(instants_ms, expected, strict=True):
        # Older boto3 sends whole seconds: the range begins at one, and the interval reaches the instant.
        second = START + at // 1000
        interval = at % 1000 or 1000
        images = ask(site.server, stream, second, second + 1, max(interval, 200), MaxResults=2)["Images"]
        image = images[1] if at % 1000 else images[0]
        assert image["TimeStamp"].timestamp() == pytest.approx(START + at / 1000, abs=0.001)
        file = file_of(image)
        assert file.startswith(PNG)
        assert pixels(file) == expect, (name, at)


def test_the_last_frame_at_or_before_an_instant_is_shown(site, stream):
    source = media.h264_mkv(4)
    put_media.put(site.server, stream, put_media.recorded(source, START))
    images = ask(site.server, stream, START, START + 2, 230)["Images"]
    instants = [round((image["TimeStamp"].timestamp() - START) * 1000) for image in images]
    assert instants == list(range(0, 2001, 230))
    expected = frames_of_ffmpeg(source, [at // 40 for at in instants])
    assert [pixels(file_of(image)) for image in images] == expected


def test_jpegs_look_like_the_frame_and_better_ones_are_larger(site, stream):
    source = media.h264_mkv(4)
    put_media.put(site.server, stream, put_media.recorded(source, START))
    (expect,) = frames_of_ffmpeg(source, [25])
    sizes = []
    for quality in (None, "10", "80", "100"):
        more = {"FormatConfig": {"JPEGQuality": quality}} if quality else {}
        (image,) = ask(site.server, stream, START + 1, START + 1, format="JPEG", **more)["Images"]
        file = file_of(image)
        assert file.startswith(JPEG)
        sizes.append(len(file))
        found = pixels(file)
        difference = sum(abs(a - b) for a, b in zip(found, expect, strict=True)) / len(expect)
        assert difference < (12 if quality == "10" else 6), quality
    assert sizes[0] == sizes[2], "80 unless it is given"
    assert sizes[1] < sizes[2] < sizes[3]


@pytest.mark.parametrize(
    ("width", "height", "expect"),
    [(None, None, (640, 360)), (320, None, (320, 180)), (None, 90, (160, 90)), (200, 200, (200, 200)), (1280, 720, (1280, 720))],
)
def test_one_side_keeps_the_proportions_and_two_stretch(site, stream, width, height, expect):
    put_media.put(site.server, stream, put_media.recorded(media.h264_mkv(4), START))
    sides = {"WidthPixels": width, "HeightPixels": height}
    sides = {name: pixels for name, pixels in sides.items() if pixels}
    (image,) = ask(site.server, stream, START, START, **sides)["Images"]
    assert size_of(file_of(image)) == expect


def test_instants_without_media_say_so(site, stream):
    for start in (START, START + 20):
        put_media.put(site.server, stream, put_media.recorded(media.h264_mkv(4), start))
    images = ask(site.server, stream, START - 2, START + 26, 2000, "JPEG", WidthPixels=64)["Images"]
    found = {round(image["TimeStamp"].timestamp()) - START: image for image in images}
    assert list(found) == list(range(-2, 27, 2))
    # The last picture stands for a second after the last fragment: a shorter pause is none.
    there = [offset for offset, image in found.items() if "ImageContent" in image]
    assert there == [0, 2, 4, 20, 22, 24]
    assert all(image.get("Error") == (None if offset in there else "NO_MEDIA") for offset, image in found.items())
    # Nothing at all is no error of the call.
    (image,) = ask(site.server, stream, START + 1000, START + 1000)["Images"]
    assert image["Error"] == "NO_MEDIA"


def test_a_range_shorter_than_the_interval_gives_the_image_at_its_start(site, stream):
    put_media.put(site.server, stream, put_media.recorded(media.h264_mkv(4), START))
    answer = ask(site.server, stream, START + 1, START + 2, 60_000)
    assert len(answer["Images"]) == 1 and "NextToken" not in answer
    assert answer["Images"][0]["TimeStamp"].timestamp() == START + 1


def test_by_the_servers_clock(site, stream):
    put_media.put(site.server, stream, put_media.recorded(media.h264_mkv(4), START))
    listed = list_fragments(site.server, stream, "SERVER_TIMESTAMP")
    at = max(fragment["ServerTimestamp"] for fragment in listed).timestamp()
    answer = ask(site.server, stream, int(at) + 1, int(at) + 1, selector="SERVER_TIMESTAMP")
    assert file_of(answer["Images"][0]).startswith(PNG)
    answer = ask(site.server, stream, START, START, selector="SERVER_TIMESTAMP")
    assert answer["Images"][0]["Error"] == "NO_MEDIA"


def test_pages_hold_25_images_at_most_and_the_paginator_follows_them(site, stream):
    put_media.put(site.server, stream, put_media.recorded(media.h264_mkv(10), START))
    small = {"format": "JPEG", "WidthPixels": 32}
    first = ask(site.server, stream, START, START + 9, 200, MaxResults=100, **small)
    assert len(first["Images"]) == 25 and first["NextToken"]
    assert len(ask(site.server, stream, START, START + 9, 200, **small)["Images"]) == 25
    pages = client_of(site.server, stream).get_paginator("get_images").paginate(
        StreamName=stream, ImageSelectorType="PRODUCER_TIMESTAMP", StartTimestamp=START, EndTimestamp=START + 9,
        SamplingInterval=200, Format="JPEG", WidthPixels=32, PaginationConfig={"PageSize": 7},
    )  # fmt: skip
    pages = list(pages)
    assert [len(page["Images"]) for page in pages] == [7] * 6 + [4]
    times = [round(image["TimeStamp"].timestamp() * 1000) for page in pages for image in page["Images"]]
    assert times == [START * 1000 + at for at in range(0, 9001, 200)]
    assert all("ImageContent" in image for page in pages for image in page["Images"])


@pytest.mark.parametrize(
    ("start", "end", "more"),
    [
        (START, START + 301, {}),
        (START, START - 1, {}),
        (START, START + 1, {"SamplingInterval": 199}),
        (START, START + 1, {"FormatConfig": {"JPEGQuality": "0"}}),
        (START, START + 1, {"FormatConfig": {"JPEGQuality": "101"}}),
        (START, START + 1, {"FormatConfig": {"JPEGQuality": "best"}}),
        (START, START + 1, {"NextToken": "bm9ib2R5"}),
        (START, START + 1, {"NextToken": base64.b64encode(b'{"next_ms":5}').decode()}),
    ],
)
def test_what_breaks_a_rule_is_refused(site, stream, start, end, more):
    with refused("InvalidArgumentException", 400):
        ask(site.server, stream, start, end, more.pop("SamplingInterval", 1000), **more)


def test_streams_that_are_not_there_or_keep_nothing_are_refused(site):
    client = site.server.client("kinesis-video-archived-media")
    with refused("ResourceNotFoundException", 404):
        client.get_images(
            StreamName="nobody", ImageSelectorType="PRODUCER_TIMESTAMP", StartTimestamp=START,
            EndTimestamp=START + 1, Format="PNG",
        )  # fmt: skip
    name = f"images-{next(COUNT)}"
    create_stream(site.server, name, 0)
    with refused("NoDataRetentionException", 400):
        ask(site.server, name, START, START + 1)


@pytest.mark.parametrize("change", [without_codec_private, another_codec, broken_frames])
def test_media_that_cannot_be_decoded_says_so(site, stream, change):
    put_media.put(site.server, stream, put_media.recorded(media.h264_mkv(4), START, change))
    images = ask(site.server, stream, START, START + 2)["Images"]
    assert [image["Error"] for image in images] == ["MEDIA_ERROR"] * 3


def test_sound_alone_has_no_images(site, stream):
    capture = put_media.capture("sdkc_audio")
    put_media.put(site.server, stream, capture)
    start = min(capture.producer_starts_ms()) // 1000 + 1
    (image,) = ask(site.server, stream, start, start)["Images"]
    assert image["Error"] == "MEDIA_ERROR"


def decoders_of(server):
    """The process ids of a server's decoders."""
    children = children_of(server.process.pid)
    return [pid for pid in children if b"image-decoder" in command_line(pid)]


def children_of(pid):
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
        return [
            int(child)
            for task in tasks
            for child in open(f"/proc/{pid}/task/{task}/children").read().split()
        ]
    except FileNotFoundError:
        return []


def command_line(pid):
    try:
        return open(f"/proc/{pid}/cmdline", "rb").read()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def is_running(pid):
    try:
        return open(f"/proc/{pid}/stat").read().split(")")[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_decoders_are_bounded_replaced_and_end_with_the_server(own_site):
    server = own_site.server
    create_stream(server, "images")
    put_media.put(server, "images", put_media.recorded(media.h264_mkv(4), START))
    (image,) = ask(server, "images", START, START)["Images"]
    decoders = decoders_of(server)
    assert decoders
    for pid in decoders:
        limits = open(f"/proc/{pid}/limits").read()
        bound = {line[:25].strip(): line[26:].split()[0] for line in limits.splitlines()[1:]}
        assert bound["Max open files"] == "3"
        assert bound["Max address space"] == str(1 << 30)
        assert bound["Max core file size"] == bound["Max file size"] == "0"
        assert bound["Max cpu time"] != "unlimited"
        assert open(f"/proc/{pid}/environ", "rb").read() == b"", "nothing of the server's environment"
        os.kill(pid, signal.SIGKILL)
    (again,) = ask(server, "images", START, START)["Images"]
    assert again == image, "another process took its place"
    # One that hangs in the middle is replaced as well: stopped, it answers to nobody.
    replaced = decoders_of(server)
    assert replaced and not set(replaced) & set(decoders)
    # The server is killed without a chance to end anything.
    os.kill(server.process.pid, signal.SIGKILL)
    eventually(lambda: not any(map(is_running, replaced)), 10, "the decoders end with the server")


def test_calls_that_wait_too_long_for_a_decoder_are_refused(own_site):
    server = own_site.server
    server.process.stop()
    processes.Daemon.start(server, ["server", "--image-decoders-max", "1"])
    create_stream(server, "images")
    put_media.put(server, "images", put_media.recorded(media.h264_mkv(4), START))
    (expect,) = ask(server, "images", START, START)["Images"]
    (decoder,) = decoders_of(server)
    os.kill(decoder, signal.SIGSTOP)
    with concurrent.futures.ThreadPoolExecutor(3) as threads:
        calls = [threads.submit(ask, server, "images", START, START) for _ in range(3)]
        done, waiting = concurrent.futures.wait(calls, 60, concurrent.futures.FIRST_COMPLETED)
        os.kill(decoder, signal.SIGCONT)
        (late,) = done
        with refused("ClientLimitExceededException", 400):
            late.result()
        assert [call.result()["Images"] for call in waiting] == [[expect]] * 2


def test_a_page_ends_when_it_is_large_and_the_next_goes_on(site, stream):
    put_media.put(site.server, stream, put_media.recorded(media.heavy_h264_mkv(3), START))
    pages = client_of(site.server, stream).get_paginator("get_images").paginate(
        StreamName=stream, ImageSelectorType="PRODUCER_TIMESTAMP", StartTimestamp=START, EndTimestamp=START + 2,
        SamplingInterval=200, Format="PNG",
    )  # fmt: skip
    pages = list(pages)
    assert len(pages) > 1
    images = [image for page in pages for image in page["Images"]]
    assert [round((image["TimeStamp"].timestamp() - START) * 1000) for image in images] == list(range(0, 2001, 200))
    expected = frames_of_ffmpeg(media.heavy_h264_mkv(3), [5 * number for number in range(11)])
    for image, expect in zip(images, expected, strict=True):
        pairs = zip(pixels(file_of(image)), expect, strict=True)
        # Colours that no camera sees: beyond white, ffmpeg's sums of 32 bits overflow and its blue is 0.
        assert {pair for pair in pairs if pair[0] != pair[1]} <= {(255, 0)}


def test_without_decoders_there_are_no_images(own_site):
    server = own_site.server
    server.process.stop()
    processes.Daemon.start(server, ["server", "--image-decoders-max", "0"])
    create_stream(server, "images")
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        ask(server, "images", START, START)
    # AWS's model has no such error: botocore keeps its name alone.
    assert caught.value.response["Error"]["Code"] == "UnknownOperationException"


@pytest.mark.parametrize("name", FALLBACK)
def test_without_ffmpeg_what_the_own_decoders_do_not_know_is_a_media_error(own_site, name):
    server = own_site.server
    server.process.stop()
    processes.Daemon.start(server, ["server", "--image-ffmpeg", "off"])
    create_stream(server, "images")
    put_media.put(server, "images", put_media.recorded(FALLBACK[name](4), START))
    (image,) = ask(server, "images", START + 1, START + 1)["Images"]
    assert image["Error"] == "MEDIA_ERROR"


def damaged(seed):
    """Changes some bytes of the frames, of their headers above all, and none of the file's structure."""

    def change(body):
        chance, body = random.Random(seed), bytearray(body)
        starts = [found.end() for found in re.finditer(b"(?s)\xa3[\x10-\x7f].{1,3}\x81..[\x00\x80]\0\0", bytes(body))]
        for start in starts:
            # Behind the length of the first NAL unit and its first byte.
            for _ in range(3):
                body[min(start + 3 + int(chance.paretovariate(0.4)) % 300, len(body) - 1)] ^= 1 << chance.randrange(8)
        return bytes(body)

    return change


@pytest.mark.parametrize("source", [media.h264_b_frames_aac_mkv, media.h265_aac_mkv])
def test_damaged_media_harms_nobody_else(site, source):
    good = f"images-{next(COUNT)}"
    create_stream(site.server, good)
    put_media.put(site.server, good, put_media.recorded(media.h264_mkv(4), START))
    (expect,) = ask(site.server, good, START + 1, START + 1)["Images"]
    outcomes = set()
    for seed in range(4):
        name = f"images-{next(COUNT)}"
        create_stream(site.server, name)
        put_media.put(site.server, name, put_media.recorded(source(4), START, damaged(seed)))
        for image in ask(site.server, name, START, START + 4, 500, "JPEG", WidthPixels=64)["Images"]:
            outcomes.add(image.get("Error", "image"))
        (still,) = ask(site.server, good, START + 1, START + 1)["Images"]
        assert still == expect
    assert outcomes <= {"image", "MEDIA_ERROR", "NO_MEDIA"} and "MEDIA_ERROR" in outcomes, outcomes


def test_the_aws_cli_gets_images(site, stream):
    source = media.h264_mkv(4)
    put_media.put(site.server, stream, put_media.recorded(source, START))
    said = site.server.aws(
        "kinesis-video-archived-media", "get-images", "--stream-name", stream, "--image-selector-type",
        "PRODUCER_TIMESTAMP", "--start-timestamp", START, "--end-timestamp", START + 2, "--sampling-interval", 1000,
        "--format", "PNG",
    )  # fmt: skip
    images = said["Images"]
    assert [pixels(file_of(image)) for image in images] == frames_of_ffmpeg(source, [0, 25, 50])
