"""The hub deletes by policy: after the upload, and by size; what exists nowhere else is lost only as configured."""

import re
import time

import pytest

import elementary
import media
from streams import (
    EACH_MINUTE,
    NEVER,
    agent_status,
    configure,
    create_camera_secret,
    edge_config,
    get_media,
    list_fragments,
    start_ms,
    wait_for_fragments,
    wait_in_sync,
)
from waiting import eventually

MIB = 1 << 20
LIMIT_MB = 64


def test_uploaded_media_leaves_the_hub_and_stays_on_the_server(own_site):
    """A file is recorded and uploaded whole; nothing more is added, so nothing may stay behind."""
    agent = own_site.agent()
    agent.file_roots = [media.FOLDER]
    agent.start()
    uri = media.h264_mp4().resolve().as_uri()
    configure(own_site.server, agent, "passes", uri, uri_type="FILE_URI", deletion={"DeleteAfterUpload": True})
    wait_in_sync(own_site.server, "passes")
    source = elementary.source_frames(media.h264_mp4(), "video")

    def all_there():
        listed = list_fragments(own_site.server, "passes")
        return sum(fragment["FragmentLengthInMilliseconds"] for fragment in listed) >= 9_900

    eventually(all_there, 60, "all of the file is uploaded")
    eventually(lambda: agent.media_files() == [], 60, "the hub keeps nothing that is uploaded")
    count = len(list_fragments(own_site.server, "passes"))
    pictures = elementary.comparable_run(get_media(own_site.server, "passes", count=count), "video")
    elementary.assert_whole(pictures, source)


def test_media_waits_on_the_hub_until_it_is_uploaded(own_site):
    agent = own_site.agent()
    agent.start()
    address = own_site.vigie_camera(media.h264_mp4())
    configure(own_site.server, agent, "waits", f"rtsp://{address}/cam0", upload=NEVER)
    eventually(lambda: agent.media_size_bytes() > 500_000, 40, "some seconds are recorded")
    wait_in_sync(own_site.server, "waits")
    assert list_fragments(own_site.server, "waits") == []

    # A new upload schedule: all that waited is still there and goes up, and the recording has not been disturbed.
    kinesisvideo = own_site.server.client("kinesisvideo")
    config = kinesisvideo.describe_edge_configuration(StreamName="waits")["EdgeConfig"]
    config["UploaderConfig"]["ScheduleConfig"] = EACH_MINUTE
    changed_at = time.time()
    kinesisvideo.start_edge_configuration_update(StreamName="waits", EdgeConfig=config)

    def both_sides_of_the_change():
        listed = list_fragments(own_site.server, "waits")
        return listed and start_ms(listed[-1]) > changed_at * 1000 + 2000 and listed

    listed = eventually(both_sides_of_the_change, 60, "media from before and after the change is uploaded")
    assert start_ms(listed[0]) < changed_at * 1000 - 3000
    pictures = elementary.comparable_run(get_media(own_site.server, "waits", count=len(listed)), "video")
    elementary.assert_contiguous(pictures, elementary.source_frames(media.h264_mp4(), "video"))


@pytest.fixture
def heavy(own_site):
    """A hub and the address of a camera of 40 Mbit/s: the limit is reached in about fifteen seconds."""
    own_site.hub = own_site.agent()
    own_site.hub.start()
    own_site.address = own_site.vigie_camera(media.heavy_h264_mp4())
    return own_site


def limited(site, strategy):
    deletion = {"LocalSizeConfig": {"MaxLocalMediaSizeInMB": LIMIT_MB, "StrategyOnFullSize": strategy}}
    configure(site.server, site.hub, "full", f"rtsp://{site.address}/cam0", upload=NEVER, deletion=deletion)
    wait_in_sync(site.server, "full")


def details(site):
    recorder, _ = agent_status(site.server, "full")
    return recorder.get("JobStatusDetails") or ""


@pytest.mark.long
def test_when_full_the_oldest_media_goes_and_the_loss_is_reported(heavy):
    limited(heavy, "DELETE_OLDEST_MEDIA")
    first = eventually(lambda: heavy.hub.media_files(), 20, "recording begins")[0]
    largest = 0

    def oldest_is_gone():
        nonlocal largest
        largest = max(largest, heavy.hub.media_size_bytes())
        return not first.exists()

    eventually(oldest_is_gone, 90, "the oldest media file is deleted", interval_seconds=0.1)
    assert largest > LIMIT_MB * MIB // 2, "deleted long before the limit"

    def lost_is_reported():
        nonlocal largest
        largest = max(largest, heavy.hub.media_size_bytes())
        return re.search(r"\d+ .*(not|never|un).?upload", details(heavy), re.IGNORECASE)

    eventually(lost_is_reported, 30, "the job status tells how much was lost that was never uploaded")
    assert largest <= LIMIT_MB * MIB * 1.1, f"the hub kept {largest / MIB:.1f} MiB with a limit of {LIMIT_MB}"
    # Recording goes on: the newest file grows.
    newest = heavy.hub.media_files()[-1]
    size = newest.stat().st_size
    eventually(lambda: heavy.hub.media_files()[-1] != newest or newest.stat().st_size > size, 20, "recording goes on")


@pytest.mark.long
def test_when_full_new_media_is_denied_and_nothing_is_deleted(heavy):
    limited(heavy, "DENY_NEW_MEDIA")
    first = eventually(lambda: heavy.hub.media_files(), 20, "recording begins")[0]

    largest = 0

    def paused():
        nonlocal largest
        largest = max(largest, heavy.hub.media_size_bytes())
        return "MaxLocalMediaSizeInMB" in details(heavy)

    eventually(paused, 90, "the job status tells that recording has paused", interval_seconds=0.5)
    assert largest <= LIMIT_MB * MIB * 1.1, f"the hub kept {largest / MIB:.1f} MiB with a limit of {LIMIT_MB}"
    assert first.exists()
    size = heavy.hub.media_size_bytes()
    assert size > LIMIT_MB * MIB // 2

    # A larger limit lets it go on at once.
    secret_arn = create_camera_secret(heavy.server, "larger", f"rtsp://{heavy.address}/cam0")
    larger = {"LocalSizeConfig": {"MaxLocalMediaSizeInMB": 4 * LIMIT_MB, "StrategyOnFullSize": "DENY_NEW_MEDIA"}}
    config = edge_config(heavy.hub, secret_arn, upload=NEVER, deletion=larger)
    heavy.server.client("kinesisvideo").start_edge_configuration_update(StreamName="full", EdgeConfig=config)
    eventually(lambda: heavy.hub.media_size_bytes() > size + 5 * MIB, 40, "recording goes on with the larger limit")
    assert first.exists()


def test_what_the_stream_s_retention_has_passed_is_not_listed(own_site):
    """Lowering the retention deletes what is too old at once; what is young enough stays."""
    server = own_site.server
    agent = own_site.agent()
    agent.start()
    address = own_site.vigie_camera(media.h264_mp4())
    configure(server, agent, "short", f"rtsp://{address}/cam0", retention_hours=5)
    listed = wait_for_fragments(server, "short", 3)
    kinesisvideo = server.client("kinesisvideo")
    version = kinesisvideo.describe_stream(StreamName="short")["StreamInfo"]["Version"]
    kinesisvideo.update_data_retention(
        StreamName="short", CurrentVersion=version, Operation="DECREASE_DATA_RETENTION", DataRetentionChangeInHours=4
    )
    info = kinesisvideo.describe_stream(StreamName="short")["StreamInfo"]
    assert (info["DataRetentionInHours"], info["Version"] != version) == (1, True)
    still = {start_ms(fragment) for fragment in list_fragments(server, "short")}
    assert {start_ms(fragment) for fragment in listed} <= still and time.time() * 1000 - min(still) < 3_600_000
