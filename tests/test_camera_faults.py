"""What is wrong with a camera or its secret is said in a sentence that helps, and mended causes heal by themselves."""

import http.server
import json
import threading

import pytest

import media
from processes import free_port
from streams import (
    EACH_MINUTE,
    agent_status,
    create_camera_secret,
    create_stream,
    edge_config,
    list_fragments,
    wait_for_fragments,
)
from waiting import eventually

PASSWORD = "c0rrect-h0rse"


@pytest.fixture(scope="module")
def hub(site, tmp_path_factory):
    """One hub for all the faults; a camera that asks for a password; a web server that is no camera."""
    site.cameras = {
        "vigie": site.vigie_camera(media.h264_mp4(), user="admin", password=PASSWORD),
        "digest": site.gstreamer_camera(media.h264_mp4(), name="digest", user="admin", password=PASSWORD),
        "basic": site.gstreamer_camera(media.h264_mp4(), name="basic", user="admin", password=PASSWORD, basic=True),
        "mjpeg": site.gstreamer_camera(media.mjpeg_mkv(), name="mjpeg"),
    }
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    site.cameras["web"] = f"127.0.0.1:{web.server_port}"
    site.hub = site.agent()
    site.hub.file_roots = [tmp_path_factory.getbasetemp()]
    site.hub.start()
    yield site
    web.shutdown()
    web.server_close()


def configure_secret(site, stream, secret_arn, uri_type="RTSP_URI"):
    create_stream(site.server, stream)
    config = edge_config(site.hub, secret_arn, uri_type)
    site.server.client("kinesisvideo").start_edge_configuration_update(StreamName=stream, EdgeConfig=config)


def fault(site, stream, status="USER_ERROR", deadline_seconds=45):
    """Waits until the recorder reports the fault and returns its sentence."""

    def reported():
        recorder, _ = agent_status(site.server, stream)
        assert recorder.get("RecorderStatus") == status, recorder
        return recorder["JobStatusDetails"]

    return eventually(reported, deadline_seconds, f"the recorder of {stream} reports {status}")


def assert_helps(sentence, *words):
    """It names the cause, in more than a code, and shows no secret."""
    assert len(sentence.split()) >= 5, sentence
    for word in words:
        assert word.lower() in sentence.lower(), f"{word!r} is not in: {sentence}"
    assert PASSWORD not in sentence and "wrong-one" not in sentence


def uri(site, camera, credentials=f"admin:{PASSWORD}@", path="cam0"):
    return f"rtsp://{credentials}{site.cameras[camera]}/{path}"


def test_a_secret_that_does_not_exist(hub):
    arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:forgotten-AbCdEf"
    configure_secret(hub, "no-secret", arn)
    assert_helps(fault(hub, "no-secret"), "secret")


@pytest.mark.parametrize(
    "name, value, words",
    [
        ("wrong-key", json.dumps({"CameraUrl": "rtsp://127.0.0.1/cam0"}), ["MediaURI"]),
        ("not-json", "rtsp://127.0.0.1/cam0", ["MediaURI"]),
        ("not-a-uri", json.dumps({"MediaURI": "not a uri"}), ["MediaURI"]),
        ("not-rtsp", json.dumps({"MediaURI": "http://127.0.0.1/video"}), ["rtsp"]),
        ("bad-port", json.dumps({"MediaURI": "rtsp://127.0.0.1:99999/cam0"}), ["port", "65535"]),
        ("split-login", json.dumps({"MediaURI": f"rtsp://admin:a/{PASSWORD}@127.0.0.1/cam0"}), ["percent-encode"]),
    ],
)
def test_a_secret_that_holds_no_camera(hub, name, value, words):
    arn = hub.server.client("secretsmanager").create_secret(Name=f"secret-{name}", SecretString=value)["ARN"]
    configure_secret(hub, name, arn)
    assert_helps(fault(hub, name), *words)


@pytest.mark.parametrize("camera", ["vigie", "digest", "basic"])
@pytest.mark.parametrize("credentials", ["", "admin:wrong-one@"], ids=["no-password", "wrong-password"])
def test_a_camera_that_refuses_the_password(hub, camera, credentials):
    stream = f"{camera}-{'wrong' if credentials else 'none'}"
    arn = create_camera_secret(hub.server, stream, uri(hub, camera, credentials))
    configure_secret(hub, stream, arn)
    assert_helps(fault(hub, stream), "password")
    assert list_fragments(hub.server, stream) == []


def test_a_camera_without_the_path(hub):
    configure_secret(hub, "no-path", create_camera_secret(hub.server, "no-path", uri(hub, "vigie", path="cam9")))
    assert_helps(fault(hub, "no-path"), "path")


def test_a_port_that_is_no_camera(hub):
    configure_secret(hub, "web", create_camera_secret(hub.server, "web", uri(hub, "web", credentials="")))
    assert_helps(fault(hub, "web"), "RTSP")


def test_a_camera_with_an_unsupported_codec(hub):
    configure_secret(hub, "mjpeg", create_camera_secret(hub.server, "mjpeg", uri(hub, "mjpeg", credentials="")))
    assert_helps(fault(hub, "mjpeg"), "H.264", "H.265")
    assert list_fragments(hub.server, "mjpeg") == []


def test_a_camera_that_is_not_there_is_no_fault_of_the_user(hub):
    arn = create_camera_secret(hub.server, "absent", f"rtsp://127.0.0.1:{free_port()}/cam0")
    configure_secret(hub, "absent", arn)
    assert_helps(fault(hub, "absent", "SYSTEM_ERROR"), "camera")


def test_a_file_that_is_not_there(hub, tmp_path):
    arn = create_camera_secret(hub.server, "no-file", (tmp_path / "absent.mp4").as_uri())
    configure_secret(hub, "no-file", arn, "FILE_URI")
    assert_helps(fault(hub, "no-file"), "file")


def test_a_file_that_is_no_media(hub, tmp_path):
    (tmp_path / "text.mp4").write_text("no media here, only words\n" * 100)
    arn = create_camera_secret(hub.server, "no-media", (tmp_path / "text.mp4").as_uri())
    configure_secret(hub, "no-media", arn, "FILE_URI")
    assert_helps(fault(hub, "no-media"), "file")


@pytest.mark.parametrize("before", ["wrong-password", "no-media-uri"])
def test_the_agent_keeps_trying_and_records_once_the_secret_is_mended(hub, before):
    stream = f"mended-{before}"
    value = {"MediaURI": uri(hub, "digest", "admin:wrong-one@")} if before == "wrong-password" else {"Camera": "1"}
    secretsmanager = hub.server.client("secretsmanager")
    arn = secretsmanager.create_secret(Name=stream, SecretString=json.dumps(value))["ARN"]
    configure_secret(hub, stream, arn)
    fault(hub, stream)
    secretsmanager.put_secret_value(SecretId=arn, SecretString=json.dumps({"MediaURI": uri(hub, "digest")}))
    wait_for_fragments(hub.server, stream, 2, deadline_seconds=90)
    eventually(
        lambda: agent_status(hub.server, stream)[0]["RecorderStatus"] == "SUCCESS", 20, "the recorder reports SUCCESS"
    )


def test_the_others_record_on_beside_the_faulty_ones(hub):
    configure_secret(hub, "healthy", create_camera_secret(hub.server, "healthy", uri(hub, "vigie")))
    configured = hub.server.client("kinesisvideo").describe_edge_configuration(StreamName="healthy")
    assert configured["EdgeConfig"]["UploaderConfig"]["ScheduleConfig"] == EACH_MINUTE
    wait_for_fragments(hub.server, "healthy", 3)


def test_no_log_shows_a_camera_s_password(hub):
    arn = create_camera_secret(hub.server, "not-logged", uri(hub, "digest", "admin:wrong-one@"))
    configure_secret(hub, "not-logged", arn)
    fault(hub, "not-logged")
    for process in hub.processes:
        assert PASSWORD not in process.log() and "wrong-one" not in process.log(), f"{process.name} prints a password"
