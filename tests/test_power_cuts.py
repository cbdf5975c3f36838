"""kill -9 in mid-recording, of the agent and of the server, again and again."""

import itertools
import time

import pytest

import elementary
import media
from streams import (
    agent_status,
    configure,
    end_ms,
    fragment_number,
    get_media,
    list_fragments,
    start_ms,
    wait_for_fragments,
    wait_in_sync,
)
from waiting import eventually

pytestmark = pytest.mark.long

STREAM = "yard"
ROUNDS = 3


def by_number(fragments):
    """What must never change about a listed fragment."""
    return {
        fragment["FragmentNumber"]: (
            fragment["FragmentSizeInBytes"],
            fragment["ProducerTimestamp"],
            fragment["ServerTimestamp"],
            fragment["FragmentLengthInMilliseconds"],
        )
        for fragment in fragments
    }


def assert_kept(seen, listed):
    now = by_number(listed)
    for number, facts in seen.items():
        assert number in now, f"fragment {number} was listed and is gone"
        assert now[number] == facts


def assert_nothing_twice(listed):
    starts = [start_ms(fragment) for fragment in listed]
    assert len(set(starts)) == len(starts), "two fragments have one producer timestamp"
    for earlier, later in itertools.pairwise(listed):
        assert start_ms(later) >= end_ms(earlier) - 60, ("two fragments overlap", earlier, later)


def test_kill_9_of_agent_and_server_loses_nothing_persisted_and_uploads_nothing_twice(own_site):
    server, camera = own_site.server, own_site.vigie_camera(media.h264_mp4())
    agent = own_site.agent()
    agent.start()
    configure(server, agent, STREAM, f"rtsp://{camera}/cam0")
    wait_in_sync(server, STREAM)
    listed = wait_for_fragments(server, STREAM, 3)

    agent_killed_at = []
    for _ in range(ROUNDS):
        seen = by_number(list_fragments(server, STREAM))
        agent_killed_at.append(time.time())
        agent.kill()
        agent.start()
        listed = wait_for_fragments(server, STREAM, len(seen) + 4, deadline_seconds=60)
        assert_kept(seen, listed)

        seen = by_number(list_fragments(server, STREAM))
        server.kill()
        server.start()
        assert_kept(seen, list_fragments(server, STREAM))
        listed = wait_for_fragments(server, STREAM, len(seen) + 4, deadline_seconds=60)
        assert_kept(seen, listed)
        assert_nothing_twice(listed)

    # Both at once: the hub lost its server and its own memory.
    seen = by_number(list_fragments(server, STREAM))
    agent_killed_at.append(time.time())
    agent.kill()
    server.kill()
    agent.start(ready=False)
    server.start()
    listed = wait_for_fragments(server, STREAM, len(seen) + 4, deadline_seconds=60)
    assert_kept(seen, listed)
    assert_nothing_twice(listed)

    # The recording has one gap a kill of the agent, each no longer than its restart; the server's kills left none.
    gaps = [
        (end_ms(earlier), start_ms(later))
        for earlier, later in itertools.pairwise(listed)
        if start_ms(later) - end_ms(earlier) > 200
    ]
    assert len(gaps) <= len(agent_killed_at), gaps
    for ended, _ in gaps:
        lost_ms = min(abs(killed * 1000 - ended) for killed in agent_killed_at)
        assert lost_ms <= 2500, f"more than the last second or so before a kill was lost: {gaps}, {agent_killed_at}"

    fragments = get_media(server, STREAM, count=len(listed))
    assert {fragment_number(document) for document in fragments} == set(by_number(listed))
    source = elementary.source_frames(media.h264_mp4(), "video")
    found = elementary.runs(elementary.comparable_run(fragments, "video"), source)
    assert len(found) <= 1 + len(agent_killed_at), f"frames are missing or doubled elsewhere than at a kill: {found}"
    recorder, uploader = agent_status(server, STREAM)
    assert (recorder["RecorderStatus"], uploader["UploaderStatus"]) == ("SUCCESS", "SUCCESS")


def test_a_hub_without_its_server_goes_on_recording_and_catches_up(own_site):
    server, camera = own_site.server, own_site.vigie_camera(media.h264_mp4())
    agent = own_site.agent()
    agent.start()
    configure(server, agent, STREAM, f"rtsp://{camera}/cam0")
    wait_for_fragments(server, STREAM, 2)

    server.kill()
    outage_began = time.time()
    size = agent.media_size_bytes()
    eventually(lambda: agent.media_size_bytes() > size + 600_000, 30, "the hub records without its server")
    # The agent's own restart in the middle of the outage: it works by the configuration on its disk.
    agent.kill()
    agent.start(ready=False)
    size = agent.media_size_bytes()
    eventually(lambda: agent.media_size_bytes() > size + 400_000, 30, "the restarted hub records without its server")
    outage_ended = time.time()
    server.start()

    def caught_up():
        listed = list_fragments(server, STREAM)
        assert end_ms(listed[-1]) >= outage_ended * 1000, (
            f"listed up to {outage_ended - end_ms(listed[-1]) / 1000} s ago"
        )
        return listed

    listed = eventually(caught_up, 90, "what was recorded during the outage is uploaded")
    assert_nothing_twice(listed)
    inside = [f for f in listed if outage_began * 1000 <= start_ms(f) <= outage_ended * 1000]
    covered_ms = sum(fragment["FragmentLengthInMilliseconds"] for fragment in inside)
    assert covered_ms >= (outage_ended - outage_began) * 1000 - 6000
    source = elementary.source_frames(media.h264_mp4(), "video")
    fragments = get_media(server, STREAM, count=len(listed))
    assert len(elementary.runs(elementary.comparable_run(fragments, "video"), source)) <= 2


def test_a_camera_that_goes_away_and_comes_back_is_recorded_again(own_site):
    server = own_site.server
    address = own_site.vigie_camera(media.h264_mp4())
    camera = own_site.processes[-1]
    agent = own_site.agent()
    agent.start()
    configure(server, agent, STREAM, f"rtsp://{address}/cam0")
    wait_for_fragments(server, STREAM, 2)

    camera.kill()

    def reported():
        recorder, _ = agent_status(server, STREAM)
        return recorder["RecorderStatus"] == "SYSTEM_ERROR" and recorder["JobStatusDetails"]

    eventually(reported, 40, "the recorder reports that the camera is away")
    back_at = time.time()
    own_site.run("camera-again", camera.arguments)

    def recorded_again():
        listed = list_fragments(server, STREAM)
        return start_ms(listed[-1]) > back_at * 1000 and listed

    eventually(recorded_again, 60, "the camera is recorded again")
    eventually(lambda: agent_status(server, STREAM)[0]["RecorderStatus"] == "SUCCESS", 30, "SUCCESS again")
