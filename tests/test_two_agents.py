"""Two agents under one hub ARN: the second one is refused and told, takes over when it may, and a copy is noticed."""

import shutil
import subprocess
import time

import media
from processes import VIGIE, Agent
from signing import own_operation
from streams import agent_status, assert_nothing_twice, configure, list_fragments, wait_for_fragments, wait_in_sync
from waiting import always, eventually

SENTENCE = "another agent works as this hub"


def second_agent(site, first):
    """Another data folder under the same ARN."""
    agent = Agent(site, "second", site.server)
    agent.hub_device_arn = first.hub_device_arn
    return agent


def hub_as_shown(server, agent):
    return own_operation(server, "/describeHub", HubDeviceArn=agent.hub_device_arn)["Hub"]


def take_over(agent):
    command = [VIGIE, "agent", "take-over", "--data-dir", str(agent.data_dir)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout


def recording_agent(own_site):
    """An agent that uploads what it records of the stream `yard`."""
    agent = own_site.agent()
    agent.start()
    camera = own_site.vigie_camera(media.h264_mp4())
    configure(own_site.server, agent, "yard", f"rtsp://{camera}/cam0")
    wait_in_sync(own_site.server, "yard")
    wait_for_fragments(own_site.server, "yard", 2)
    return agent


def test_a_second_agent_is_refused_and_moves_the_hub_when_it_is_told_to(own_site):
    server, first = own_site.server, recording_agent(own_site)
    assert "RefusedAgent" not in hub_as_shown(server, first)

    second = second_agent(own_site, first)
    second.start(ready=False)
    eventually(lambda: SENTENCE in second.process.log(), 20, "the second agent's log says it")
    eventually(lambda: SENTENCE in server.process.log(), 20, "the server's log says it")
    assert SENTENCE in hub_as_shown(server, first)["RefusedAgent"]["Details"]
    held = len(list_fragments(server, "yard"))
    wait_for_fragments(server, "yard", held + 3)
    assert not second.media_files(), "a refused agent without a configuration records nothing"
    assert SENTENCE not in first.process.log()
    assert_nothing_twice(list_fragments(server, "yard"))

    assert "at its next call" in take_over(second)
    eventually(lambda: "in contact with the service" in second.process.log(), 30, "the second agent works as the hub")
    eventually(lambda: SENTENCE in first.process.log(), 60, "the first agent's log says it")
    first.process.stop()
    eventually(second.media_files, 40, "the second agent records")
    events = own_operation(server, "/listAuditEvents")["Events"]
    taken = [event for event in events if event["Action"] == "kinesisvideo:SyncEdgeAgent"]
    assert [event["Resource"] for event in taken] == [first.hub_device_arn]
    said = "another agent works as this hub from now on"
    eventually(lambda: said in server.process.log(), 10, "the server's log says it")


def test_a_copied_folder_is_noticed_and_its_agent_uploads_nothing(own_site):
    server, first = own_site.server, recording_agent(own_site)
    first.process.stop()
    copy = second_agent(own_site, first)
    shutil.copytree(first.data_dir, copy.data_dir, dirs_exist_ok=True)
    first.start()
    eventually(lambda: "in contact with the service" in first.process.log(), 20, "the first agent calls")
    copy.start(ready=False)

    eventually(lambda: SENTENCE in copy.process.log(), 60, "the copy's log says it")
    shown = hub_as_shown(server, first)["RefusedAgent"]
    assert shown["HasCopiedFolder"] is True and SENTENCE in shown["Details"]
    eventually(lambda: SENTENCE in server.process.log(), 10, "the server's log says it")
    # The copy's last connection has ended by now, or is ended by the first agent's.
    eventually(lambda: agent_status(server, "yard"), 20, "the first agent reports")
    before = len(list_fragments(server, "yard"))
    wait_for_fragments(server, "yard", before + 10)
    newest = sorted(fragment["ProducerTimestamp"] for fragment in list_fragments(server, "yard"))[-8:]
    apart = [(b - a).total_seconds() for a, b in zip(newest, newest[1:])]
    assert min(apart) > 0.5, f"two agents upload the same time: {apart}"

    def first_is_never_refused():
        assert SENTENCE not in first.process.log()

    always(first_is_never_refused, until=time.time() + 5)
