"""Databases that another program locks, as backup tools and people with sqlite3 do: waited for, and said meanwhile."""

import contextlib
import sqlite3

import botocore.exceptions
import media
import pytest
from processes import http_get
from streams import NEVER, configure, create_stream, wait_in_sync
from waiting import eventually


@contextlib.contextmanager
def locked(path):
    connection = sqlite3.connect(path, isolation_level=None, timeout=10)
    connection.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


def says(daemon, path, status, text):
    def said():
        found, body = http_get(f"{daemon.url}{path}")
        return found == status and text in body

    return said


def test_a_server_whose_metadata_is_locked_refuses_changes_for_now_and_goes_on(own_site):
    server = own_site.server
    create_stream(server, "before")
    with locked(server.data_dir / "metadata.sqlite"):
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            server.client("kinesisvideo").create_stream(StreamName="meanwhile")
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
        assert server.client("kinesisvideo").describe_stream(StreamName="before")
        assert says(server, "/readyz", 503, "not ready: changes are refused: another program holds the lock")()
        assert says(server, "/healthz", 200, "ok, but changes are refused")()
    eventually(says(server, "/readyz", 200, "ready"), 10, "it is ready again")
    create_stream(server, "after")


def test_a_hub_whose_databases_are_locked_records_on(own_site):
    agent, server = own_site.agent(), own_site.server
    agent.start()
    camera = own_site.vigie_camera(media.h264_mp4())
    configure(server, agent, "gate", f"rtsp://{camera}/cam0", upload=NEVER)
    wait_in_sync(server, "gate")
    eventually(lambda: agent.media_files(), 30, "it records")
    for name, said in (("index.sqlite", "what is recorded is not durable"), ("ledger.sqlite", "nothing is deleted")):
        with locked(agent.data_dir / name):
            eventually(says(agent, "/readyz", 503, said), 20, f"it says that {said}")
            assert says(agent, "/healthz", 200, f"ok, but {said}")()
            size_bytes = agent.media_size_bytes()
            eventually(lambda before=size_bytes: agent.media_size_bytes() > before, 20, "it records on")
        eventually(says(agent, "/readyz", 200, "ready"), 20, "it is ready again")
    assert agent.process.stop() == 0
