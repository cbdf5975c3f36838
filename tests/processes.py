"""Starts the real programs on loopback and always ends them: servers, agents, cameras."""

import configparser
import contextlib
import ctypes
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import boto3
import botocore.config

import matroska
from waiting import eventually

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
VIGIE = os.environ.get("VIGIE_BIN", str(TARGET / "debug" / "vigie"))
AWS = pathlib.Path(sys.executable).with_name("aws")
SYSTEM_PYTHON = "/usr/bin/python3"  # has Debian's python3-gi
RTSP_SERVER = REPOSITORY / "tests" / "rtsp_server.py"
REGION = "us-east-1"

# Every process of the sites that are open, for the report of a failure.
started = []


def clean_environment(**more):
    """The environment of a child: no AWS or Vigie settings of the machine, no proxy before loopback."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "VIGIE_")) and not name.lower().endswith("_proxy")
    }
    return {**kept, "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", **more}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: nothing outlives a killed test run


class Process:
    """One running program; what it prints goes to a file."""

    def __init__(self, name, arguments, folder, environment=None, cwd=None):
        self.name = name
        self.arguments = [str(argument) for argument in arguments]
        self.log_path = pathlib.Path(folder) / f"{name}.log"
        with open(self.log_path, "ab") as log:
            self._process = subprocess.Popen(
                self.arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment or clean_environment(),
                cwd=cwd or folder,
                preexec_fn=_die_with_parent,
            )
        self.pid = self._process.pid
        started.append(self)

    def log(self):
        return self.log_path.read_text(errors="replace")

    def exit_code(self):
        """None while it runs."""
        return self._process.poll()

    def assert_running(self):
        code = self.exit_code()
        if code is not None:
            raise RuntimeError(f"{self.name} ended with {code}; its last words:\n{self.log()[-3000:]}")

    def kill(self):
        """kill -9."""
        self._process.kill()
        self._process.wait(timeout=30)

    def stop(self, with_signal=signal.SIGTERM, deadline_seconds=20):
        """Asks it to end and returns its exit code."""
        self._process.send_signal(with_signal)
        return self._process.wait(timeout=deadline_seconds)

    def signal(self, number):
        self._process.send_signal(number)

    def end(self):
        """Ends it in any case."""
        if self.exit_code() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self.kill()  # also one that was stopped by SIGSTOP


def http_get(url):
    """Status and text of a plain GET; raises OSError where nobody answers."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


class Daemon:
    """A Vigie process with /readyz that can be killed and started again on the same folder and port."""

    def __init__(self, site, name):
        self.site, self.name = site, name
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.data_dir = site.folder / name
        self.process = None

    def start(self, arguments, environment=None, ready=True):
        command = [VIGIE, *arguments, "--listen", f"127.0.0.1:{self.port}", "--data-dir", self.data_dir]
        self.process = self.site.run(self.name, command, environment)
        if ready:
            self.wait_ready()

    def is_ready(self):
        self.process.assert_running()
        try:
            return http_get(f"{self.url}/readyz")[0] == 200
        except OSError:
            return False

    def wait_ready(self):
        eventually(self.is_ready, 30, f"{self.name} is ready", interval_seconds=0.05)

    def kill(self):
        self.process.kill()

    def media_files(self):
        """Those that the index knows; folders may go meanwhile."""
        paths = set()
        for folder in (self.data_dir / "media").iterdir() if (self.data_dir / "media").is_dir() else ():
            if folder.name != "unclaimed":
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    paths.update(folder.rglob("*.mkv"))
        return sorted(paths)

    def recorded(self, stream):
        """The documents of a stream's media files, oldest first; for a process that has ended."""
        paths = [path for path in self.media_files() if path.parent.name.startswith(f"{stream}.")]
        return [document for path in paths for document in matroska.documents(path.read_bytes())]

    def media_size_bytes(self):
        total = 0
        for path in self.media_files():
            with contextlib.suppress(FileNotFoundError):  # deleted by policy between listing and asking
                total += path.stat().st_size
        return total


class Server(Daemon):
    def start(self, *more, ready=True):
        super().start(["server", *more], ready=ready)

    @property
    def credentials_path(self):
        return self.data_dir / "credentials"

    def key(self):
        """The root access key: (id, secret)."""
        parser = configparser.ConfigParser()
        parser.read(self.credentials_path)
        profile = parser["default"]
        return profile["aws_access_key_id"], profile["aws_secret_access_key"]

    def client(self, service, key=None, endpoint_url=None):
        """A boto3 client of this server, with the root key unless another is given."""
        key_id, secret = key or self.key()
        return boto3.client(
            service,
            endpoint_url=endpoint_url or self.url,
            region_name=REGION,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            config=botocore.config.Config(retries={"max_attempts": 0}, connect_timeout=5, read_timeout=40, proxies={}),
        )

    def aws(self, *arguments, fails=False):
        """Runs the AWS CLI against this server; returns its JSON output, or its complaint when `fails` is set."""
        environment = clean_environment(
            AWS_SHARED_CREDENTIALS_FILE=str(self.credentials_path), AWS_PAGER="", AWS_MAX_ATTEMPTS="1"
        )
        command = [AWS, "--endpoint-url", self.url, "--region", REGION, "--output", "json", *arguments]
        done = subprocess.run(
            [str(part) for part in command], env=environment, capture_output=True, text=True, timeout=60
        )
        assert bool(done.returncode) == fails, f"aws {' '.join(map(str, arguments))}: {done.returncode} {done.stderr}"
        if fails:
            return done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None


class Agent(Daemon):
    def __init__(self, site, name, server):
        super().__init__(site, name)
        self.server = server
        self.hub_device_arn = f"arn:aws:iot:{REGION}:000000000000:thing/{name}"
        self.timezone = None
        self.more = []
        self.file_roots = []

    def start(self, timezone=None, credentials_path=None, ready=True):
        self.timezone = timezone or self.timezone
        options = ["--timezone", self.timezone] if self.timezone else []
        options += [option for root in self.file_roots for option in ("--file-root", root)]
        super().start(
            ["agent", "--hub-device-arn", self.hub_device_arn, "--endpoint-url", self.server.url, *options, *self.more],
            clean_environment(AWS_SHARED_CREDENTIALS_FILE=str(credentials_path or self.server.credentials_path)),
            ready,
        )


class Site:
    """Everything one test (or one module of tests) runs, in one folder."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.processes = []
        self.server = Server(self, "server")

    def __enter__(self):
        return self

    def __exit__(self, *_failure):
        for process in reversed(self.processes):
            process.end()
            started.remove(process)

    def run(self, name, command, environment=None, cwd=None):
        process = Process(name, command, self.folder, environment, cwd)
        self.processes.append(process)
        return process

    def agent(self, name="hub"):
        return Agent(self, name, self.server)

    def vigie_camera(self, media, name="camera", user=None, password=None, mounts=1, more=()):
        """Vigie's simulated camera; returns host:port."""
        port = free_port()
        command = [VIGIE, "camera", "--media", media, "--listen", f"127.0.0.1:{port}", "--mounts", mounts, *more]
        if user:
            command += ["--user", user, "--password", password]
        return self._camera(self.run(name, command), port)

    def gstreamer_camera(self, *media, name="gstreamer", user=None, password=None, basic=False, tls=None):
        """GStreamer's RTSP server as a camera with a mount for each media file; returns host:port."""
        port = free_port()
        command = [SYSTEM_PYTHON, RTSP_SERVER, *media, "--port", port]
        if user:
            command += ["--auth", f"{user}:{password}"]
        if basic:
            command += ["--basic"]
        if tls:
            command += ["--tls", tls]
        return self._camera(self.run(name, command), port)

    def vigie_camera_again(self, former, address):
        """The same camera once more, after it was ended."""
        return self._camera(self.run(f"{former.name}-again", former.arguments), int(address.rpartition(":")[2]))

    def _camera(self, process, port):
        def answers():
            process.assert_running()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return True

        eventually(answers, 20, f"{process.name} listens", interval_seconds=0.05)
        return f"127.0.0.1:{port}"
