"""A hub's file system that fills up, for real: a tmpfs in a mount namespace of its own."""

import json
import os
import subprocess

import media
from processes import VIGIE, Agent, clean_environment, http_get
from streams import NEVER, agent_status, configure, wait_in_sync
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

    def empty(self):
        assert self.run("rm", f"{self.folder}/filler").returncode == 0


class AgentOnSmallDisk(Agent):
    def __init__(self, site, disk, server):
        super().__init__(site, "cramped", server)
        self.disk = disk
        self.data_dir = disk.folder / "hub"

    def start(self):
        options = ["--hub-device-arn", self.hub_device_arn, "--endpoint-url", self.server.url]
        where = ["--listen", f"127.0.0.1:{self.port}", "--data-dir", self.data_dir]
        environment = clean_environment(AWS_SHARED_CREDENTIALS_FILE=str(self.server.credentials_path))
        self.process = self.site.run(self.name, [*self.disk.enter, VIGIE, "agent", *options, *where], environment)
        self.wait_ready()

    def fragment_count(self):
        media = self.status().get("LocalMedia") or {}
        return media.get("FragmentCount", 0)

    def status(self):
        answer = self.disk.run(VIGIE, "agent", "status", "--data-dir", self.data_dir, "--json")
        assert answer.returncode == 0, answer.stderr
        return next(iter(json.loads(answer.stdout)["Streams"]), {"Gaps": []})


def test_a_file_system_that_fills_stops_neither_the_agent_nor_corrupts_anything(own_site, tmp_path):
    disk = SmallDisk(own_site, tmp_path / "small")
    agent = AgentOnSmallDisk(own_site, disk, own_site.server)
    agent.start()
    camera = own_site.vigie_camera(media.h264_mp4())
    configure(own_site.server, agent, "cramped", f"rtsp://{camera}/cam0", upload=NEVER)
    wait_in_sync(own_site.server, "cramped")

    def records():
        recorder, _uploader = agent_status(own_site.server, "cramped")
        return recorder.get("JobStatusDetails") == "recording"

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
