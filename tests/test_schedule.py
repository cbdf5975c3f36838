"""Schedule windows open and close: media is recorded, and uploaded, inside them and nowhere else."""

import datetime
import time
import zoneinfo

import pytest

import elementary
import media
from streams import NEVER, configure, end_ms, get_media, list_fragments, start_ms, wait_in_sync
from waiting import always, eventually

# Neither the machine's zone nor UTC, and half an hour off: a window in the wrong zone would not open in this test.
TIMEZONE = "Asia/Kolkata"
LEAD_SECONDS = 25
WINDOW_SECONDS = 60

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def scheduled(site):
    """Three streams whose windows open at the same instant: one records in it, one uploads in it, one does neither."""
    address = site.vigie_camera(media.h264_mp4(), mounts=3)
    agent = site.agent()
    agent.start(timezone=TIMEZONE)
    site.opens_at = int(time.time()) + LEAD_SECONDS
    fire = datetime.datetime.fromtimestamp(site.opens_at, zoneinfo.ZoneInfo(TIMEZONE))
    window = {
        "ScheduleExpression": f"{fire.second} {fire.minute} {fire.hour} {fire.day} {fire.month} ? {fire.year}",
        "DurationInSeconds": WINDOW_SECONDS,
    }
    for number, (stream, schedules) in enumerate(
        {"records": {"record": window}, "uploads": {"upload": window}, "never": {"record": NEVER}}.items()
    ):
        configure(site.server, agent, stream, f"rtsp://{address}/cam{number}", **schedules)
    for stream in ("records", "uploads", "never"):
        wait_in_sync(site.server, stream, deadline_seconds=site.opens_at - time.time())
    site.hub = agent
    return site


def test_media_is_recorded_and_uploaded_inside_the_window_and_nowhere_else(scheduled):
    server, opens_at = scheduled.server, scheduled.opens_at
    closes_at = opens_at + WINDOW_SECONDS

    def nothing_yet():
        # Asked before the clock is read: an answer at the stroke of the hour counts for neither side.
        listed = {stream: list_fragments(server, stream) for stream in ("records", "uploads", "never")}
        if time.time() < opens_at:
            assert not any(listed.values()), "media was uploaded before the window opened"

    always(nothing_yet, until=opens_at)

    # The recorder's window.
    eventually(lambda: list_fragments(server, "records"), 15, "recording begins when the window opens")

    def only_inside():
        for fragment in list_fragments(server, "records"):
            assert opens_at * 1000 <= start_ms(fragment) and end_ms(fragment) <= (closes_at + 1.5) * 1000, fragment
        assert not list_fragments(server, "never")

    always(only_inside, until=closes_at + 12)

    recorded = list_fragments(server, "records")
    # The camera is reached within the first seconds and its first key frame is at most one second away.
    assert start_ms(recorded[0]) <= (opens_at + 4) * 1000
    assert end_ms(recorded[-1]) >= (closes_at - 2) * 1000
    pictures = elementary.comparable_run(get_media(server, "records", count=len(recorded)), "video")
    elementary.assert_contiguous(pictures, elementary.source_frames(media.h264_mp4(), "video"))

    # The uploader's window: what was recorded before it opened went up in it, and nothing after it closed.
    uploaded = list_fragments(server, "uploads")
    assert start_ms(uploaded[0]) < (opens_at - 2) * 1000, "what was recorded before the window was not uploaded"
    assert end_ms(uploaded[-1]) >= (closes_at - 5) * 1000
    received_at = [fragment["ServerTimestamp"].timestamp() for fragment in uploaded]
    assert min(received_at) >= opens_at and max(received_at) <= closes_at + 1.5
    pictures = elementary.comparable_run(get_media(server, "uploads", count=len(uploaded)), "video")
    elementary.assert_contiguous(pictures, elementary.source_frames(media.h264_mp4(), "video"))
