"""What an operator does to a server's folder at the machine stands in its audit log: who, what, to which file."""

import json
import os
import subprocess

import pytest
from processes import VIGIE, Server, Site, clean_environment
from put_media import CAPTURES, RETENTION_HOURS, capture, put
from signing import own_operation
from streams import create_stream


def vigie(*arguments, expect=0):
    command = [VIGIE, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=clean_environment())
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stderr


def lines(path):
    """The lines of commands that are no calls."""
    found = [json.loads(line) for line in path.read_text().splitlines()]
    mine = [line for line in found if line["principal_arn"] == f"local:uid/{os.getuid()}"]
    for line in mine:
        assert all(line[member] is None for member in ("request_id", "access_key_id", "resource", "remote_address"))
        assert line["time"].startswith("20") and line["time"].endswith("Z")
    members = ("action", "status", "error", "path", "fragment_count", "size_bytes")
    return [{member: line[member] for member in members if line.get(member) is not None} for line in mine]


@pytest.fixture
def site(tmp_path):
    with Site(tmp_path) as site:
        yield site


def test_commands_write_to_the_log_that_the_server_said_it_writes(site, tmp_path):
    server, log = site.server, tmp_path / "log" / "audit.jsonl"
    log.parent.mkdir()
    folder = server.data_dir
    in_folder = ("--data-dir", folder)
    server.start("--audit-log", log)
    create_stream(server, "gate", RETENTION_HOURS)
    put(server, "gate", capture(CAPTURES[0]))
    vigie("server", "backup", tmp_path / "backup", *in_folder)
    # One that is refused was to be one; the server is at work.
    vigie("server", "backup", tmp_path / "backup", *in_folder, expect=1)
    server.process.stop()

    aside = folder / "media" / "unclaimed" / "gate"
    aside.mkdir(parents=True)
    (aside / "lost.mkv").write_bytes(b"\0" * 1000)
    (aside / "lost too.mkv").write_bytes(b"\0" * 77)
    vigie("store", "unclaimed", *in_folder)
    vigie("store", "unclaimed", "--discard", "unclaimed/gate/lost.mkv", *in_folder)
    vigie("store", "unclaimed", "--discard-all", *in_folder)
    vigie("store", "repair", *in_folder)
    vigie("store", "repair", "--yes", *in_folder)
    vigie("server", "accept-metadata", "--yes", *in_folder)
    backup = str(tmp_path / "backup")
    discard = {"action": "vigie:DiscardMedia", "status": 200, "fragment_count": 0}
    expected = [
        {"action": "vigie:Backup", "status": 200, "path": backup},
        {"action": "vigie:Backup", "status": 500, "error": "InternalFailure", "path": backup},
        discard | {"path": "unclaimed/gate/lost.mkv", "size_bytes": 1000},
        discard | {"path": "unclaimed/gate/lost too.mkv", "size_bytes": 77},
        {"action": "vigie:RepairIndex", "status": 200, "path": str(folder / "index.sqlite")},
    ]
    assert lines(log) == expected
    assert not (folder / "audit.jsonl").exists()

    # The metadata is lost, and with it where the server wrote: the folder has a log of its own.
    (folder / "metadata.sqlite").unlink()
    vigie("server", "accept-metadata", *in_folder)
    vigie("server", "accept-metadata", "--yes", *in_folder)
    own = [{"action": "vigie:AcceptMetadata", "status": 200, "path": str(folder / "metadata.sqlite")}]
    assert lines(folder / "audit.jsonl") == own
    assert lines(log) == expected

    # On another machine there is no such file: the line stays in the folder, and the API shows it.
    for path in (log, log.parent):
        path.unlink() if path == log else path.rmdir()
    back = Server(site, "back")
    back.data_dir = tmp_path / "back"
    vigie("server", "restore", backup, "--data-dir", back.data_dir)
    restored = {"action": "vigie:Restore", "status": 200, "path": backup}
    assert lines(back.data_dir / "audit.jsonl") == [restored]
    back.start()
    events = own_operation(back, "/listAuditEvents")["Events"]
    assert [(one["Action"], one["Path"]) for one in events] == [("vigie:Restore", backup)]


def test_a_hub_s_folder_has_no_audit_log_and_gets_none(tmp_path):
    (tmp_path / "media" / "unclaimed" / "gate").mkdir(parents=True)
    (tmp_path / "media" / "unclaimed" / "gate" / "lost.mkv").write_bytes(b"\0" * 10)
    vigie("store", "unclaimed", "--discard-all", "--data-dir", tmp_path)
    vigie("store", "repair", "--yes", "--data-dir", tmp_path)
    assert not (tmp_path / "audit.jsonl").exists()
