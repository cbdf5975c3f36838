"""What a hub says of itself: on the spot, whether its agent runs or not, and by way of the server."""

import json
import signal
import subprocess
import time

import media
from processes import VIGIE
from signing import own_operation
from streams import NEVER, configure, wait_for_fragments, wait_in_sync
from waiting import always, eventually


def status(agent, *options):
    command = [VIGIE, "agent", "status", "--data-dir", str(agent.data_dir), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


def status_json(agent, *options):
    answer = status(agent, "--json", *options)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def reasons(entries):
    return [entry["Reason"] for entry in entries]


def test_a_hub_tells_why_there_is_no_media_on_the_spot_and_through_the_server(own_site):
    server = own_site.server
    agent = own_site.agent()
    assert "no agent has run" in status(agent).stderr
    agent.start()
    camera = own_site.vigie_camera(media.h264_mp4())
    configure(server, agent, "told", f"rtsp://{camera}/cam0")
    wait_in_sync(server, "told")
    wait_for_fragments(server, "told", 2)

    def recording():
        (stream,) = status_json(agent)["Streams"]
        assert stream["StreamName"] == "told"
        details = stream.get("RecorderStatus", {}) or {}
        return details.get("JobStatusDetails") == "recording" and stream["LocalMedia"]["FragmentCount"] > 0

    eventually(recording, 40, "the status says that it records")
    told = status_json(agent, "--hub", agent.hub_device_arn)
    assert (told["Agent"], told["InContact"]) == ("RUNNING", True)
    assert told["HubDeviceArn"] == agent.hub_device_arn
    assert status(agent, "--hub", "another").returncode == 1
    table = status(agent)
    assert table.returncode == 0 and "told" in table.stdout and "recording" in table.stdout, table

    # Killed: it is gone, and says so when it is back. What it said last is still told.
    agent.kill()

    def is_gone():
        assert status_json(agent)["Agent"] == "GONE"

    # Less than a second without media is no gap.
    always(is_gone, until=time.time() + 2)
    agent.start()
    eventually(lambda: "HUB_OFF" in reasons(status_json(agent)["Streams"][0]["Gaps"]), 30, "the gap is told")

    def server_knows():
        return "HUB_OFF" in reasons(own_operation(server, "/listMediaGaps", StreamName="told")["Gaps"])

    eventually(server_knows, 60, "the server knows of the gap")
    hub = own_operation(server, "/describeHub", HubDeviceArn=agent.hub_device_arn)
    assert hub["Hub"]["InContact"] is True
    (stream,) = hub["Streams"]
    assert stream["StreamName"] == "told" and stream["Losses"] == {"FragmentCount": 0, "SizeBytes": 0}
    assert stream["LocalMedia"]["SizeBytes"] > 0
    assert agent.hub_device_arn in [one["HubDeviceArn"] for one in own_operation(server, "/listHubs")["Hubs"]]

    # Cut off without a word, as by a loss of power: no connection of it is closed.
    agent.process.signal(signal.SIGSTOP)
    stopped_at = time.time()

    def is_away():
        (told,) = [one for one in own_operation(server, "/listHubs")["Hubs"] if one["HubDeviceArn"] == agent.hub_device_arn]
        return not told["InContact"] and told

    hub = eventually(is_away, 30, "the server says that the hub is away")
    # Its last call was held for 15 s, and the next one was late after 8 s.
    assert time.time() - stopped_at < 25
    assert stopped_at - 17 < hub["LastSeenTimestamp"] < stopped_at + 1
    agent.process.signal(signal.SIGCONT)
    eventually(lambda: not is_away(), 20, "the hub is back")

    # Stopped in order: the ledgers are as readable as before.
    agent.process.stop()
    stopped = status_json(agent, "--stream", "told")
    assert stopped["Agent"] == "STOPPED"
    assert "HUB_OFF" in reasons(stopped["Streams"][0]["Gaps"])
    assert status(agent, "--stream", "nobody").returncode == 1


def test_what_is_not_uploaded_is_told(own_site):
    server = own_site.server
    agent = own_site.agent()
    agent.start()
    camera = own_site.vigie_camera(media.h264_mp4())
    configure(server, agent, "kept", f"rtsp://{camera}/cam0", upload=NEVER)
    wait_in_sync(server, "kept")

    def waits():
        gaps = own_operation(server, "/listMediaGaps", StreamName="kept")["Gaps"]
        return "NOT_UPLOADED" in reasons(gaps)

    eventually(waits, 60, "the server knows that media waits on the hub")
