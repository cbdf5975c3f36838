"""What an operator meets while a server runs: SIGHUP, a log that is moved away, the limit of open files."""

import json
import os
import pathlib
import resource
import signal
import subprocess

import processes
from processes import REGION, VIGIE, clean_environment
from streams import create_stream
from waiting import eventually


def audit_lines(path):
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [line for line in lines if line["action"] != "vigie:CreateRootKey"]


def test_sighup_ends_no_service_and_logrotate_needs_none(own_site):
    server = own_site.server
    path = server.data_dir / "audit.jsonl"
    create_stream(server, "before")
    eventually(lambda: len(audit_lines(path)) == 1, 10, "the line is there")
    path.rename(path.with_suffix(".jsonl.1"))
    create_stream(server, "after")
    eventually(lambda: len(audit_lines(path)) == 1, 10, "a new file has the new line")
    os.kill(server.process.pid, signal.SIGHUP)
    eventually(lambda: "SIGHUP" in server.process.log(), 10, "the log says what came of it")
    assert server.is_ready()
    create_stream(server, "still")
    eventually(lambda: len(audit_lines(path)) == 2, 10, "the log goes on")
    assert server.process.stop() == 0


def test_commands_at_the_machine_are_in_the_audit_log_that_the_api_shows(own_site):
    server = own_site.server

    def keys(*arguments):
        command = [VIGIE, "keys", *arguments, "--data-dir", str(server.data_dir)]
        return subprocess.run(
            command, check=False, env=clean_environment(), capture_output=True, text=True, timeout=30
        )

    made = json.loads(keys("create", "--root", "--json").stdout)
    assert keys("revoke", made["AccessKeyId"]).returncode == 0
    assert keys("revoke", made["AccessKeyId"]).returncode == 1
    lines = audit_lines(server.data_dir / "audit.jsonl")
    assert [(line["action"], line["status"]) for line in lines] == [
        ("kinesisvideo:CreateAccessKey", 200),
        ("kinesisvideo:RevokeAccessKey", 200),
        ("kinesisvideo:RevokeAccessKey", 400),
    ]
    for line in lines:
        assert line["principal_arn"] == f"local:uid/{os.getuid()}"
        assert line["resource"] == f"arn:aws:iam::000000000000:access-key/{made['AccessKeyId']}"
        assert line["request_id"] is None and line["remote_address"] is None
    assert made["SecretAccessKey"] not in (server.data_dir / "audit.jsonl").read_text()


def test_a_server_takes_all_open_files_it_may_have_and_says_when_they_are_few(tmp_path):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with processes.Site(tmp_path) as site:
        server = site.server

        def limited(limit, *options):
            # The soft limit alone is low, then the hard one as well.
            command = ["sh", "-c", f'ulimit {limit}; exec "$@"', "sh", VIGIE, "server", *options]
            command += ["--listen", f"127.0.0.1:{server.port}", "--data-dir", str(server.data_dir)]
            server.process = site.run(server.name, command)
            server.wait_ready()
            limits = pathlib.Path(f"/proc/{server.process.pid}/limits").read_text()
            (line,) = [line for line in limits.splitlines() if line.startswith("Max open files")]
            return line.split()[3:5]

        assert limited("-Sn 256") == [str(hard), str(hard)]
        assert server.process.stop() == 0
        assert limited("-n 1024", "--region", REGION) == ["1024", "1024"]
        log = server.process.log()
        assert "fewer connections at once than --connections-max" in log and "connections_max=384" in log, log
