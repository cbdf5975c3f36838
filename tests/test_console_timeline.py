"""The console's timeline and its words for what went wrong, in a real browser: what hubs really tell."""

import time

import pytest

import browsers
import media
import put_media
from signing import own_operation
from streams import NEVER, configure, create_camera_secret, create_stream, edge_config, wait_in_sync
from waiting import eventually


def gaps(server, stream):
    """The reasons of a stream's gaps, those that have ended."""
    found = own_operation(server, "/listMediaGaps", StreamName=stream)["Gaps"]
    return {gap["Reason"] for gap in found}, {gap["Reason"] for gap in found if "EndTimestamp" in gap}


def sync_fails(server, stream, hub_device_arn, because):
    """A configuration that its hub cannot work by."""
    create_stream(server, stream)
    secret_arn = create_camera_secret(server, f"{stream}-camera", "rtsp://192.0.2.1/none")

    class Hub:
        pass

    Hub.hub_device_arn = hub_device_arn
    server.client("kinesisvideo").start_edge_configuration_update(
        StreamName=stream, EdgeConfig=edge_config(Hub, secret_arn)
    )
    says = {"HubDeviceArn": hub_device_arn, "AgentVersion": "0", "WaitSeconds": 0}
    (asked,) = own_operation(server, "/syncEdgeAgent", **says, Streams=[])["Configurations"]
    report = {key: asked[key] for key in ("StreamARN", "Revision")}
    report |= {"Phase": "FAILED", "FailedStatusDetails": because}
    own_operation(server, "/syncEdgeAgent", **says, Streams=[report])


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_timeline_tells_what_is_there_and_why_the_rest_is_not(own_site):
    server = own_site.server
    agent = own_site.agent()
    agent.start()
    heavy = own_site.vigie_camera(media.heavy_h264_mp4(), name="heavy")
    limit = {"LocalSizeConfig": {"MaxLocalMediaSizeInMB": 64, "StrategyOnFullSize": "DELETE_OLDEST_MEDIA"}}
    configure(server, agent, "yard", f"rtsp://{heavy}/cam0", upload=NEVER, deletion=limit)
    light = own_site.vigie_camera(media.h264_mp4(), name="light")
    configure(server, agent, "porch", f"rtsp://{light}/cam0")
    configure(server, agent, "night", f"rtsp://{light}/cam0", record=NEVER)
    because = "the folder of local media cannot be written; see its owner and permissions on the hub"
    sync_fails(server, "attic", agent.hub_device_arn.replace("/hub", "/elsewhere"), because)
    for stream in ("yard", "porch", "night"):
        wait_in_sync(server, stream)

    cameras = {process.name: process for process in own_site.processes}
    eventually(
        lambda: own_operation(server, "/describeStreamMedia", StreamName="porch")["FragmentCount"] >= 3, 60, "some is uploaded"
    )
    cameras["light"].end()
    eventually(lambda: own_operation(server, "/listMediaLosses", StreamName="yard")["Losses"], 120, "media was lost")
    cameras["heavy"].end()
    eventually(lambda: "SOURCE_OFFLINE" in gaps(server, "porch")[0], 60, "a camera is missed")
    own_site.vigie_camera_again(cameras["light"], light)
    eventually(lambda: "SOURCE_OFFLINE" in gaps(server, "porch")[1], 60, "the camera is back")
    eventually(lambda: {"SOURCE_OFFLINE", "NOT_UPLOADED"} <= gaps(server, "yard")[0], 60, "the other is missed")

    create_stream(server, "late")

    def record(_):
        put_media.put(server, "late", put_media.recorded(media.h264_mkv(), time.time() - 15))

    with browsers.outside(record=record) as control:
        told = {"FAILED_BECAUSE": because, "CONTROL": control}
        print(browsers.run("console-timeline.test.mjs", server, deadline_seconds=300, **told))
