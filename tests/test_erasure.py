"""DeleteEdgeConfiguration: the hub erases the stream's local media, then the configuration is gone."""

import json

import media
from signing import own_operation
from streams import (
    NEVER,
    configure,
    create_camera_secret,
    edge_config,
    list_fragments,
    refused,
    sync_status,
    wait_for_fragments,
    wait_in_sync,
)
from waiting import eventually


def start_two(site):
    """A hub with two streams: `leaves`, whose media stays on the hub, and `stays`."""
    address = site.vigie_camera(media.h264_mp4(), mounts=2)
    agent = site.agent()
    agent.start()
    configure(site.server, agent, "leaves", f"rtsp://{address}/cam0", upload=NEVER)
    configure(site.server, agent, "stays", f"rtsp://{address}/cam1", deletion={"DeleteAfterUpload": False})
    wait_in_sync(site.server, "leaves")
    wait_for_fragments(site.server, "stays", 3)
    eventually(lambda: len(agent.media_files()) >= 2, 20, "both streams have media on the hub")
    return agent


def gone(server, stream):
    answer = server.aws("kinesisvideo", "describe-edge-configuration", "--stream-name", stream, fails=True)
    return "StreamEdgeConfigurationNotFoundException" in answer


def test_deleting_the_edge_configuration_erases_local_media_uploaded_or_not(own_site):
    server = own_site.server
    agent = start_two(own_site)
    kinesisvideo = server.client("kinesisvideo")
    both = set(agent.media_files())

    assert server.aws("kinesisvideo", "delete-edge-configuration", "--stream-name", "leaves") in (None, {})
    with_status = []

    def erased():
        try:
            with_status.append(sync_status(server, "leaves"))
        except kinesisvideo.exceptions.StreamEdgeConfigurationNotFoundException:
            return True
        return False

    eventually(erased, 30, "the edge configuration is gone")
    losses = own_operation(server, "/listMediaLosses", StreamName="leaves")["Losses"]
    assert [loss["Reason"] for loss in losses] == ["ERASED"] and losses[0]["FragmentCount"] > 0, losses
    gaps = own_operation(server, "/listMediaGaps", StreamName="leaves")["Gaps"]
    assert "ERASED" in [gap["Reason"] for gap in gaps]
    events = own_operation(server, "/listAuditEvents")["Events"]
    told = {event["Action"].split(":")[1]: event.get("NotUploadedBytes") for event in events if "stream/leaves" in event.get("Resource", "")}
    assert told["SyncEdgeAgent"] == losses[0]["SizeBytes"], told
    eventually(lambda: "media that was never uploaded is erased" in agent.process.log(), 10, "the hub's log says it")
    assert set(with_status) <= {"DELETING", "DELETING_ACKNOWLEDGED"}
    with refused("StreamEdgeConfigurationNotFoundException", 404):
        kinesisvideo.describe_edge_configuration(StreamName="leaves")
    with refused("StreamEdgeConfigurationNotFoundException", 404):
        kinesisvideo.delete_edge_configuration(StreamName="leaves")
    hub = kinesisvideo.list_edge_agent_configurations(HubDeviceArn=agent.hub_device_arn)
    assert [config["StreamName"] for config in hub["EdgeConfigs"]] == ["stays"]

    # The other stream's media is untouched and still grows.
    left = set(agent.media_files())
    assert left and left < both | left
    listed = list_fragments(server, "stays")
    wait_for_fragments(server, "stays", len(listed) + 2)

    kinesisvideo.delete_edge_configuration(StreamName="stays")
    eventually(lambda: gone(server, "stays"), 30, "the second configuration is gone")
    assert agent.media_files() == []
    # What the server holds is not the hub's to erase.
    assert len(list_fragments(server, "stays")) >= len(listed)


def test_a_stream_can_be_configured_again_after_its_configuration_was_deleted(own_site):
    server = own_site.server
    agent = start_two(own_site)
    server.client("kinesisvideo").delete_edge_configuration(StreamName="stays")
    eventually(lambda: gone(server, "stays"), 30, "the edge configuration is gone")
    before = len(list_fragments(server, "stays"))
    camera = own_site.vigie_camera(media.h264_mp4(), name="second-camera")
    secret_arn = create_camera_secret(server, "second", f"rtsp://{camera}/cam0")
    config = json.dumps(edge_config(agent, secret_arn))
    command = ["start-edge-configuration-update", "--stream-name", "stays", "--edge-config", config]
    assert server.aws("kinesisvideo", *command)["SyncStatus"] == "SYNCING"
    wait_in_sync(server, "stays")
    wait_for_fragments(server, "stays", before + 2)


def test_a_hub_that_was_away_erases_when_it_comes_back(own_site):
    server = own_site.server
    agent = start_two(own_site)
    agent.kill()
    server.client("kinesisvideo").delete_edge_configuration(StreamName="leaves")
    assert sync_status(server, "leaves") == "DELETING"
    assert len(agent.media_files()) >= 2
    agent.start()
    eventually(lambda: gone(server, "leaves"), 30, "the edge configuration is gone")
    server.client("kinesisvideo").delete_edge_configuration(StreamName="stays")
    eventually(lambda: gone(server, "stays"), 30, "the second configuration is gone")
    assert agent.media_files() == []
