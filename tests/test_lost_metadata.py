"""A server whose metadata was lost or put back from an older copy says so instead of beginning anew beside its media."""

import shutil
import stat
import subprocess

import pytest
from processes import VIGIE, Site, clean_environment
from put_media import CAPTURES, RETENTION_HOURS, capture, put
from streams import create_stream, list_fragments
from waiting import eventually

DATABASES = ("metadata.sqlite", "index.sqlite")


@pytest.fixture
def server(tmp_path):
    with Site(tmp_path) as site:
        yield site.server


def feed(server, name):
    create_stream(server, name, RETENTION_HOURS)
    put(server, name, capture(CAPTURES[0]))


def refusal(server):
    server.start(ready=False)
    eventually(lambda: server.process.exit_code() is not None, 20, "it ends")
    assert server.process.exit_code() == 1
    return server.process.log().strip().splitlines()[-1]


def accept(server, *more):
    command = [VIGIE, "server", "accept-metadata", "--data-dir", server.data_dir, *more]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60, env=clean_environment())
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_server_without_its_metadata_does_not_begin_anew_by_itself(server):
    server.start()
    feed(server, "gate")
    server.process.stop()
    media, credentials = server.media_files(), server.credentials_path.read_bytes()
    (server.data_dir / "metadata.sqlite").unlink()
    assert "metadata.sqlite is missing" in refusal(server)
    assert "nothing is changed" in accept(server)
    assert "accept-metadata" in refusal(server)
    assert server.credentials_path.read_bytes() == credentials
    assert "credentials.old-1" in accept(server, "--yes")
    server.start()
    assert "media of streams that the metadata does not know is kept" in server.process.log()
    assert (server.data_dir / "credentials.old-1").read_bytes() == credentials
    assert server.media_files() == media
    listed = subprocess.run([VIGIE, "store", "list", "--data-dir", str(server.data_dir)], capture_output=True, text=True)
    assert "gate" in listed.stdout
    assert "nothing to accept" in accept(server)


def test_a_killed_server_goes_on_and_one_that_lost_the_log_of_its_metadata_does_not(server):
    server.start()
    feed(server, "gate")
    eventually((server.data_dir / "metadata.generation").exists, 20, "the generation is written down")
    server.kill()
    log = server.data_dir / "metadata.sqlite-wal"
    shutil.copy(log, server.data_dir.parent / "kept")
    log.unlink()
    assert "older than this folder" in refusal(server) or "is missing or empty" in refusal(server)
    shutil.copy(server.data_dir.parent / "kept", log)
    (server.data_dir / "metadata.sqlite-shm").unlink(missing_ok=True)
    server.start()
    assert list_fragments(server, "gate")


def test_databases_and_the_master_key_are_for_their_owner_alone(server):
    server.start()
    server.process.stop()
    for name in DATABASES:
        (server.data_dir / name).chmod(0o644)
    server.start()
    feed(server, "gate")
    files = [path for path in server.data_dir.iterdir() if ".sqlite" in path.name]
    assert len(files) >= 4
    assert {oct(stat.S_IMODE(path.stat().st_mode)) for path in files} == {"0o600"}
    server.process.stop()
    key = server.data_dir / "master.key"
    key.chmod(0o640)
    assert f"chmod 600 {key}" in refusal(server)
    key.chmod(0o600)
    kept = key.read_bytes()
    key.unlink()
    assert "master.key is missing" in refusal(server)
    assert not key.exists()
    key.write_bytes(kept)
    key.chmod(0o600)
    server.start()
    assert list_fragments(server, "gate")
