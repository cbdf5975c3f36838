"""Players in a browser follow a live session whose camera changes its picture size, pauses and returns."""

import concurrent.futures
import json

import botocore.exceptions
import pytest

import browsers
import media
import playback
import producer
import streams
from waiting import eventually

SECONDS = 6


@pytest.mark.timeout(400)
def test_players_follow_a_camera_that_changes_and_pauses(own_site, tmp_path):
    server = own_site.server
    av, other = producer.media(media.h264_aac_mp4(SECONDS)), producer.media(media.h264_other_aac_mp4())
    streams.create_stream(server, "gate")
    with producer.live(server, "gate", av) as camera:
        streams.wait_for_fragments(server, "gate", 3)
        site = {
            # With a discontinuity before every fragment, hls.js may never begin (docs/playback.md).
            "hls": playback.hls_url(server, "gate", DiscontinuityMode="ON_DISCONTINUITY"),
            "hlsTs": playback.hls_url(server, "gate", ContainerFormat="MPEG_TS"),
            "dash": playback.dash_url(server, "gate"),
            "heights": [360, 272],
            "signals": str(tmp_path),
        }

        def told(what):
            return eventually(lambda: (tmp_path / what).exists(), 150, f"the players are {what}")

        def refused():
            try:
                return not playback.hls_url(server, "gate")
            except botocore.exceptions.ClientError as refusal:
                return refusal.response["Error"]["Code"] == "ResourceNotFoundException"

        def direct():
            told("playing")
            camera.show(other)
            told("changed")
            camera.show(None)
            # No new live session when nothing came for 30 s; those that are under way go on.
            eventually(refused, 60, "a new session is refused")
            camera.show(av)

        with concurrent.futures.ThreadPoolExecutor() as director:
            directed = director.submit(direct)
            print(browsers.run("players-live.test.mjs", server, deadline_seconds=380, SITE=json.dumps(site)))
            directed.result()
