"""The web console in a real browser, at a real server with real hubs and cameras."""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import threading
import time
import urllib.request

import pytest

import browsers
import media
import processes
import put_media
import signing
from signing import own_operation
from streams import create_stream
from waiting import eventually


def get(url, **headers):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    return opener.open(request, timeout=10)


def test_the_console_is_part_of_the_program_and_let_no_other_origin_in(site):
    with get(f"{site.server.url}/console") as answer:
        assert answer.url == f"{site.server.url}/console/"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        page = answer.read().decode()
    assert '<div id="root">' in page, "the program was built without the console; run scripts/build-console first"


def restarting(server):
    return {"stop": lambda _: server.kill(), "start": lambda _: server.start()}


def typed_on_hub(site, commands):
    """Runs what the console says to type on a hub."""
    folder = site.folder / "barn"
    folder.mkdir()
    path = f"{pathlib.Path(processes.VIGIE).parent}:{os.environ['PATH']}"
    environment = processes.clean_environment(PATH=path, VIGIE_LISTEN=f"127.0.0.1:{processes.free_port()}")
    # In place of the shell, so that the test ends it.
    commands = commands.replace("vigie agent", "exec vigie agent")
    site.run("barn", ["sh", "-ec", commands], environment, cwd=folder)


@pytest.mark.timeout(330)
def test_streams_in_the_console(own_site):
    print(browsers.run("console-streams.test.mjs", own_site.server))


@pytest.mark.timeout(330)
def test_the_console_without_a_mouse(own_site):
    print(browsers.run("console-keyboard.test.mjs", own_site.server))


@pytest.mark.timeout(330)
def test_pictures_of_many_streams_are_no_load(own_site):
    server = own_site.server
    streams = [f"camera-{number:02}" for number in range(16)]

    def record(stream, ago_seconds):
        put_media.put(server, stream, put_media.recorded(media.h264_mkv(), time.time() - ago_seconds))

    for stream in streams:
        create_stream(server, stream)
        record(stream, ago_seconds=60)
    with browsers.outside(record=lambda stream: record(stream, ago_seconds=10)) as control:
        print(browsers.run("console-pictures.test.mjs", server, CONTROL=control, STREAMS=str(len(streams))))


@pytest.mark.timeout(330)
def test_a_session_outlives_its_server_and_ends_with_its_key(own_site):
    server = own_site.server
    create_stream(server, "gate")
    kinesisvideo = server.client("kinesisvideo")
    for number in range(120):
        kinesisvideo.tag_stream(StreamName="gate", Tags={"number": str(number)})
    policy = {"Statement": [{"Effect": "Allow", "Action": "kinesisvideo:*", "Resource": "*"}]}
    made = own_operation(server, "/createAccessKey", PolicyDocument=json.dumps(policy), UserName="guest")["AccessKey"]
    deeds = {
        **restarting(server),
        "revoke": lambda _: own_operation(server, "/revokeAccessKey", AccessKeyId=made["AccessKeyId"]),
    }
    guest = {"GUEST_ID": made["AccessKeyId"], "GUEST_SECRET": made["SecretAccessKey"]}
    with browsers.outside(**deeds) as control:
        print(browsers.run("console-session.test.mjs", server, CONTROL=control, EVENTS="120", **guest))


def hub_says(server, hub, agent, phase, revision, arn, **more):
    """What a hub's agent says of one stream; the status that it is answered with."""
    report = {"StreamARN": arn, "Revision": revision, "Phase": phase, **more}
    call = {
        "HubDeviceArn": hub,
        "AgentVersion": "1.0.0",
        "WaitSeconds": 0,
        "Streams": [report] if revision else [],
        "Instance": {"InstanceId": agent, "StartId": agent},
        "ClockSkewMilliseconds": 6250,
        "AgeHoldSecondsLeft": 3590,
    }
    return signing.call(server, "/syncEdgeAgent", json.dumps(call).encode())


@contextlib.contextmanager
def calling(call):
    """A hub that calls on: one that does not is away within seconds."""
    over = threading.Event()

    def go_on():
        while not over.wait(3):
            assert call()[0] == 200

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.timeout(330)
def test_what_an_operator_has_to_notice(own_site, tmp_path):
    server, hub = own_site.server, "arn:aws:iot:us-east-1:000000000000:thing/barn"
    kinesisvideo = server.client("kinesisvideo")
    gone = create_stream(server, "gone")
    put_media.put(server, "gone", put_media.recorded(media.h264_mkv(), time.time() - 60))
    kinesisvideo.delete_stream(StreamARN=gone)
    gate = create_stream(server, "gate")
    stranger = (server.key()[0], "wrong")
    assert signing.call(server, "/describeStream", b'{"StreamName": "gate"}', key=stranger)[0] == 403
    backup = tmp_path / "backup"
    command = [processes.VIGIE, "server", "backup", backup, "--data-dir", server.data_dir]
    subprocess.run(command, check=True, capture_output=True, timeout=60, env=processes.clean_environment())

    # A hub that worked by its configuration, was upgraded, and refuses it now; and another agent in its place.
    secret = "arn:aws:secretsmanager:us-east-1:000000000000:secret:cam-AbCdEf"
    source = {"MediaUriSecretArn": secret, "MediaUriType": "RTSP_URI"}
    recorder = {"MediaSourceConfig": source}
    kinesisvideo.start_edge_configuration_update(
        StreamName="gate", EdgeConfig={"HubDeviceArn": hub, "RecorderConfig": recorder}
    )
    told = json.loads(hub_says(server, hub, "one", None, 0, gate)[2])["Configurations"][0]
    well = {"RecorderStatus": {"RecorderStatus": "SUCCESS", "JobStatusDetails": "recording"}}
    refusal = "RecorderConfig.ScheduleConfig.ScheduleExpression: write 7 or SAT in a list"
    for phase, more in (("RECEIVED", {}), ("APPLIED", well), ("FAILED", {"FailedStatusDetails": refusal})):
        assert hub_says(server, hub, "one", phase, told["Revision"], gate, **more)[0] == 200
    assert hub_says(server, hub, "two", None, 0, gate)[0] == 400
    # One that calls once and never again.
    assert hub_says(server, hub.replace("barn", "attic"), "three", None, 0, gate)[0] == 200
    # One that has the same name elsewhere.
    create_stream(server, "far")
    kinesisvideo.start_edge_configuration_update(
        StreamName="far", EdgeConfig={"HubDeviceArn": hub.replace("us-east-1", "eu-west-1"), "RecorderConfig": recorder}
    )
    with calling(lambda: hub_says(server, hub, "one", None, 0, gate)):
        print(browsers.run("console-troubles.test.mjs", server, BACKUP=str(backup), REFUSAL=refusal))


@pytest.mark.timeout(330)
def test_cameras_are_added_in_one_form(own_site):
    password = "p@ss/w0rd:1%"
    address = own_site.vigie_camera(media.h264_mp4(), user="viewer", password=password, mounts=3)
    hub = own_site.agent()
    hub.start()
    told = {"ADDRESS": address, "USER": "viewer", "PASSWORD": password, "HUB": "hub", "CLOSED": str(processes.free_port())}
    print(browsers.run("console-cameras.test.mjs", own_site.server, **told))


@pytest.mark.timeout(600)
def test_from_an_empty_server_to_live_video_and_back(own_site, tmp_path):
    address = own_site.vigie_camera(media.h264_aac_mp4(), user="viewer", password="look")
    hub = own_site.agent()
    hub.start()
    clip = tmp_path / "clip.mp4"
    deeds = {**restarting(own_site.server), "type": lambda commands: typed_on_hub(own_site, commands)}
    with browsers.outside(**deeds) as control:
        print(
            browsers.run(
                "console-journey.test.mjs",
                own_site.server,
                deadline_seconds=560,
                CAMERA_URI=f"rtsp://viewer:look@{address}/cam0",
                HUB="hub",
                CLIP=str(clip),
                CONTROL=control,
            )
        )
    command = ["ffprobe", "-v", "error", "-count_frames", "-show_streams", "-show_format", "-of", "json", clip]
    probed = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)
    assert {stream["codec_name"] for stream in probed["streams"]} == {"h264", "aac"}
    # At least the range that was marked; fragments are whole.
    assert float(probed["format"]["duration"]) >= 2
    frames = next(int(stream["nb_read_frames"]) for stream in probed["streams"] if stream["codec_name"] == "h264")
    assert frames >= 50


@pytest.mark.timeout(300)
def test_the_demonstration_opens_on_live_video(tmp_path):
    with processes.Site(tmp_path) as site:
        server = site.server
        demo = site.run("demo", [processes.VIGIE, "demo", "--listen", f"127.0.0.1:{server.port}"])
        link = eventually(
            lambda: demo.assert_running() or re.search(r"http://\S+/console/#/welcome/\S+", demo.log()), 60, "a link"
        )
        server.data_dir = tmp_path / "vigie-demo" / "server"
        print(browsers.run("console-demo.test.mjs", server, LINK=link[0]))
        assert demo.stop(with_signal=signal.SIGINT, deadline_seconds=30) == 0
