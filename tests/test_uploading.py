"""Uploads within a bandwidth, over a link that is cut and from a server that is killed; and a service that knows no
SyncEdgeAgent."""

import itertools
import time

import media
from link import UNKNOWN_OPERATION, agent_behind_link, refusal
from processes import http_get
from streams import assert_nothing_twice, configure, end_ms, list_fragments, start_ms, wait_for_fragments, wait_in_sync
from waiting import eventually


def test_a_bandwidth_is_kept(own_site):
    agent = own_site.agent()
    limit = 60_000
    agent.more = ["--upload-bandwidth-bytes-per-second", str(limit)]
    agent.file_roots = [media.FOLDER]
    agent.start()
    uri = media.h264_mp4().resolve().as_uri()
    configure(own_site.server, agent, "slow", uri, uri_type="FILE_URI", deletion={"DeleteAfterUpload": False})
    eventually(lambda: agent.media_size_bytes() > 0, 30, "the file is recorded")
    began = time.monotonic()
    seen = []

    def all_there():
        listed = list_fragments(own_site.server, "slow")
        seen.append((time.monotonic(), sum(fragment["FragmentSizeInBytes"] for fragment in listed)))
        return sum(fragment["FragmentLengthInMilliseconds"] for fragment in listed) >= 9_900

    eventually(all_there, 120, "all of the file is uploaded")
    (_, first), (_, last) = seen[0], seen[-1]
    took = seen[-1][0] - began
    # A fragment is seen when it is whole; before the first look some had gone.
    assert took >= (last - first) / limit * 0.8 - 2, (took, first, last)


def test_a_cut_link_and_a_killed_server_lose_and_double_nothing(own_site):
    server = own_site.server
    with agent_behind_link(own_site) as (agent, link):
        camera = own_site.vigie_camera(media.h264_mp4())
        configure(server, agent, "cut", f"rtsp://{camera}/cam0")
        wait_in_sync(server, "cut")
        listed = wait_for_fragments(server, "cut", 2)
        for _ in range(3):
            before = len(listed)
            link.cut()
            eventually(lambda: agent_lags(agent), 40, "media waits on the hub")
            link.mend()
            listed = wait_for_fragments(server, "cut", before + 3, deadline_seconds=90)
            server.kill()
            server.start()
            listed = wait_for_fragments(server, "cut", len(listed) + 2, deadline_seconds=90)
            assert_nothing_twice(listed)
        # The camera never stopped: what is there has no hole.
        for earlier, later in itertools.pairwise(listed):
            assert abs(start_ms(later) - end_ms(earlier)) < 200, (earlier, later)


def agent_lags(agent):
    text = http_get(f"{agent.url}/metrics")[1]
    text = text.decode() if isinstance(text, bytes) else text
    lag = [line for line in text.splitlines() if line.startswith("vigie_agent_upload_lag_seconds{")]
    return lag and float(lag[0].split()[-1]) > 4


def test_a_service_without_sync_edge_agent_is_polled(own_site):
    server = own_site.server
    asked = []
    # A service that is asked by many says so now and then.
    refusals = [refusal(400, "ClientLimitExceededException", "{}"), refusal(500, None, "oops")]

    def knows_less(head, connection):
        if head.startswith(b"POST /syncEdgeAgent "):
            asked.append(head)
            connection.sendall(UNKNOWN_OPERATION)
            return True
        if head.startswith(b"POST /listEdgeAgentConfigurations ") and refusals:
            connection.sendall(refusals.pop())
            return True

    with agent_behind_link(own_site, answers=knows_less) as (agent, _):
        camera = own_site.vigie_camera(media.h264_mp4())
        configure(server, agent, "polled", f"rtsp://{camera}/cam0", deletion={"DeleteAfterUpload": False})
        wait_for_fragments(server, "polled", 2, deadline_seconds=90)
        assert len(asked) == 1, "it is not asked again and again"
        assert not refusals
        assert agent.media_files()
        # Only an explicit deletion erases; it is seen with the next poll.
        server.client("kinesisvideo").delete_edge_configuration(StreamName="polled")
        eventually(lambda: agent.media_files() == [], 60, "the deletion erases")
