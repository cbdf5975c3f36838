"""A file system that fills up, for real: a tmpfs in a mount namespace of its own; the hub's and the server's."""

import json
import os
import subprocess

import media
import producer
from processes import VIGIE, Agent, Server, clean_environment, http_get
from streams import NEVER, agent_status, configure, create_stream, list_fragments, wait_in_sync
from waiting import eventually

SIZE_MIB = 192


class SmallDisk:
    """A mount namespace in which `folder` is a small file system. Lives as long as the process that holds it."""

    def __init__(self, site, folder):
        # Whoever is not root gets to be it in a user namespace of its own.
        user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        folder.mkdir()
        mount = f"mount -t tmpfs -o size={SIZE_MIB}m small {folder} && echo mounted && exec sleep 3600"
        self.holder = site.run("small-disk", ["unshare", "--mount", *user, "sh", "-c", mount])
        eventually(lambda: "mounted" in self.holder.log(), 10, "a small file system can be mounted (unshare --mount)")
        enter_user = ["--user", "--preserve-credentials"] if user else []
        self.enter = ["nsenter", f"--target={self.holder.pid}", "--mount", *enter_user, "--"]
        self.folder = folder

    def run(self, *command):
        return subprocess.run([*self.enter, *command], capture_output=True, text=True, timeout=60)

    def fill(self):
        """Not a byte is left to anybody."""
        filled = self.run("dd", "if=/dev/zero", f"of={self.folder}/filler", "bs=64k")
        assert "No space left" in filled.stderr, filled.stderr

    def free_bytes(self):
        shown = self.run("stat", "--file-system", "--format", "%a %S", self.folder)
        blocks, size_bytes = shown.stdout.split()
        return int(blocks) * int(size_bytes)

    def holds(self, path):
        return self.run("test", "-e", path).returncode == 0

    def media_files(self, data_dir):
        return self.run("find", f"{data_dir}/media", "-name", "*.mkv").stdout.split()

    def empty(self):
        assert self.run("rm", f"{self.folder}/filler").returncode == 0


class ServerOnSmallDisk(Server):
    def __init__(self, site, disk):
        super().__init__(site, "cramped-server")
        self.disk = disk
        self.data_dir = disk.folder / "server"

    def start(self):
        where = ["--listen", f"127.0.0.1:{self.port}", "--data-dir", self.data_dir]
        command = [*self.disk.enter, VIGIE, "server", *where]
        self.process = self.site.run(self.name, command, clean_environment())

    @property
    def credentials_path(self):
        """A copy: the folder is in the namespace."""
        copy = self.site.folder / "cramped-credentials"
        copy.write_text(self.disk.run("cat", self.data_dir / "credentials").stdout)
        return copy

    def answers(self, path, status, text):
        self.process.assert_running()
        try:
            found, body = http_get(f"{self.url}{path}")
        except OSError:
            return False
        return found == status and text in body


class AgentOnSmallDisk(Agent):
    def __init__(self, site, disk, server):
        super().__init__(site, "cramped", server)
        self.disk = disk
        self.data_dir = disk.folder / "hub"

    def start(self):
        self.start_full()
        self.wait_ready()

    def start_full(self):
        """Where it will not be ready."""
        options = ["--hub-device-arn", self.hub_device_arn, "--endpoint-url", self.server.url]
        where = ["--listen", f"127.0.0.1:{self.port}", "--data-dir", self.data_dir]
        environment = clean_environment(AWS_SHARED_CREDENTIALS_FILE=str(self.server.credentials_path))
        self.process = self.site.run(self.name, [*self.disk.enter, VIGIE, "agent", *options, *where], environment)

    def fragment_count(self):
        media = self.status().get("LocalMedia") or {}
        return media.get("FragmentCount", 0)

    def status(self):
        answer = self.disk.run(VIGIE, "agent", "status", "--data-dir", self.data_dir, "--json")
        assert answer.returncode == 0, answer.stderr
        return next(iter(json.loads(answer.stdout)["Streams"]), {"Gaps": []})


def cramped_agent(own_site, tmp_path):
    """A small disk and an agent on it, which records the stream `cramped` and uploads nothing."""
    disk = SmallDisk(own_site, tmp_path / "small")
    agent = AgentOnSmallDisk(own_site, disk, own_site.server)
    agent.start()
    camera = own_site.vigie_camera(media.h264_mp4())
    configure(own_site.server, agent, "cramped", f"rtsp://{camera}/cam0", upload=NEVER)
    wait_in_sync(own_site.server, "cramped")
    return disk, agent


def test_a_file_system_that_fills_stops_neither_the_agent_nor_corrupts_anything(own_site, tmp_path):
    disk, agent = cramped_agent(own_site, tmp_path)

    def records():
        # What was lost on the way may be said behind it.
        recorder, _uploader = agent_status(own_site.server, "cramped")
        return recorder.get("RecorderStatus") == "SUCCESS" and recorder["JobStatusDetails"].startswith("recording")

    eventually(records, 40, "it records")
    for _ in range(2):
        disk.fill()

        def said():
            recorder, _uploader = agent_status(own_site.server, "cramped")
            return recorder.get("RecorderStatus") == "SYSTEM_ERROR" and "disk" in recorder["JobStatusDetails"]

        eventually(said, 60, "the status says that the disk is full")
        agent.process.assert_running()
        assert http_get(f"{agent.url}/healthz")[0] == 200
        disk.empty()
        eventually(records, 60, "it records again")

    def told():
        return {gap["Reason"] for gap in agent.status()["Gaps"]} & {"DISK_DENIED", "DISK_ERROR"}

    eventually(told, 40, "the ledger tells of it")
    agent.process.kill()
    agent.start()
    count = agent.fragment_count()
    eventually(lambda: agent.fragment_count() > count + 1, 60, "it records after a restart")
    agent.process.stop()
    checked = disk.run(VIGIE, "store", "check", "--data-dir", agent.data_dir)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_server_starts_on_a_disk_without_a_free_byte_and_can_delete(own_site, tmp_path):
    disk = SmallDisk(own_site, tmp_path / "small")
    server = ServerOnSmallDisk(own_site, disk)
    server.start()
    server.wait_ready()
    assert disk.holds(server.data_dir / "space-reserve"), "before media can fill the disk"
    source = producer.media(media.h264_mp4())
    arns = {}
    for name in ("gate", "killed", "stopped", "running"):
        arns[name] = create_stream(server, name)
        producer.put_file(server, name, source, 1_795_000_000_000)
    for how in ("killed", "stopped", "running"):
        eventually(lambda: disk.holds(server.data_dir / "space-reserve"), 20, "space is set aside")
        if how == "killed":
            server.kill()
        elif how == "stopped":
            assert server.process.stop() == 0
        disk.fill()
        if how != "running":
            assert disk.free_bytes() == 0
            server.start()
        refused = "not ready: fragments are refused"
        eventually(lambda: server.answers("/readyz", 503, refused), 30, "it runs and says what it refuses")
        assert server.answers("/healthz", 200, "ok, but fragments are refused")
        eventually(lambda: not disk.holds(server.data_dir / "space-reserve"), 20, "what was set aside is given up")
        assert list_fragments(server, "gate")
        before = disk.media_files(server.data_dir)
        server.client("kinesisvideo").delete_stream(StreamARN=arns[how])
        eventually(lambda: len(disk.media_files(server.data_dir)) < len(before), 20, "the media of a stream is gone")
        disk.empty()
        eventually(lambda: server.answers("/readyz", 200, "ready"), 30, "it is ready when there is space")
    producer.put_file(server, "gate", source, 1_795_000_100_000)
    assert server.process.stop() == 0
    checked = disk.run(VIGIE, "store", "check", "--data-dir", server.data_dir)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_an_agent_starts_on_a_disk_without_a_free_byte_and_can_delete(own_site, tmp_path):
    disk, agent = cramped_agent(own_site, tmp_path)
    eventually(lambda: agent.fragment_count() > 1, 40, "it records")
    assert disk.holds(agent.data_dir / "space-reserve"), "before media can fill the disk"
    agent.process.kill()
    disk.fill()
    assert disk.free_bytes() == 0
    agent.start_full()
    refused = "not ready: nothing is recorded: the disk has less free space"

    def says(path, status, text):
        agent.process.assert_running()
        try:
            found, body = http_get(f"{agent.url}{path}")
        except OSError:
            return False
        return found == status and text in body

    eventually(lambda: says("/readyz", 503, refused), 40, "it runs and says what it does not do")
    assert says("/healthz", 200, "ok, but nothing is recorded")
    assert not disk.holds(agent.data_dir / "space-reserve")
    # The reserve of the disk comes before media, and what was not uploaded is told of.
    eventually(lambda: not disk.media_files(agent.data_dir), 60, "its media is deleted")
    eventually(lambda: agent.status()["Losses"], 20, "the loss is told of")
    disk.empty()
    eventually(lambda: says("/readyz", 200, "ready"), 40, "it is ready when there is space")
    assert agent.process.stop() == 0
