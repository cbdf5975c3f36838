"""Folders that `vigie-bench fill` fills, as long recording leaves them, in the hands of the real programs."""

import pathlib
import re
import subprocess

import media
from processes import VIGIE, clean_environment, http_get
from signing import own_operation
from streams import NEVER, configure, create_stream, list_fragments, wait_in_sync
from waiting import eventually

BENCH = pathlib.Path(VIGIE).with_name("vigie-bench")
RETENTION_HOURS = 24 * 60
FILES, FRAGMENTS_PER_FILE = 30, 4


def run(program, *arguments, expect=0):
    command = [str(part) for part in (program, *arguments)]
    done = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == expect, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def fill(folder, arns, *arguments):
    """Fills a folder with media of these streams."""
    names = folder.with_suffix(".arns")
    names.write_text("".join(f"{arn}\n" for arn in arns))
    size = ["--files", FILES, "--fragments-per-file", FRAGMENTS_PER_FILE]
    return run(BENCH, "fill", folder, "--arns", names, *size, *arguments)


def assert_sound(folder, streams):
    """All that the check has to say is that holes have no marks: rows, lengths and checksums are true."""
    *lines, total, found = run(VIGIE, "store", "check", "--data-dir", folder, expect=1).splitlines()
    files, fragments = streams * FILES, streams * FILES * FRAGMENTS_PER_FILE
    assert total.startswith(f"{streams} streams, {files} media files, {fragments} fragments, "), total
    assert found == f"{files + fragments} disagreements"
    others = [line for line in lines if not re.search(r": the (file's mark|mark of fragment \d+) is damaged or ", line)]
    assert others == []


def test_a_hub_goes_on_with_a_folder_that_was_filled(own_site):
    server, agent = own_site.server, own_site.agent()
    camera = own_site.vigie_camera(media.h264_mp4())
    kinesisvideo = server.client("kinesisvideo")
    names = ["gate", "yard"]
    for name in names:
        configure(server, agent, name, f"rtsp://{camera}/cam0", upload=NEVER, deletion={"DeleteAfterUpload": False})
    arns = [kinesisvideo.describe_stream(StreamName=name)["StreamInfo"]["StreamARN"] for name in names]
    fill(agent.data_dir, arns, "--hub-device-arn", agent.hub_device_arn)
    assert_sound(agent.data_dir, len(names))
    agent.start()
    for name in names:
        wait_in_sync(server, name)

    def counts():
        """Fragments of each stream on the hub, by its own count."""
        lines = http_get(f"{agent.url}/metrics")[1].splitlines()
        return [float(line.split()[-1]) for line in lines if line.startswith("vigie_agent_local_fragments{")]

    filled = FILES * FRAGMENTS_PER_FILE
    eventually(lambda: len(counts()) == 2 and min(counts()) > filled, 30, "both streams hold new media beside the old")
    assert max(counts()) < filled + 30
    eventually(
        lambda: "HUB_OFF" in {gap["Reason"] for gap in own_operation(server, "/listMediaGaps", StreamName="gate")["Gaps"]},
        30,
        "the ledger goes on where it was filled to",
    )


def test_a_server_goes_on_with_a_folder_that_was_filled(own_site):
    server = own_site.server
    arns = [create_stream(server, name, RETENTION_HOURS) for name in ("gate", "yard", "door")]
    assert server.process.stop() == 0
    said = fill(server.data_dir, arns)
    assert said.startswith(f"3 streams, {3 * FILES} media files, {3 * FILES * FRAGMENTS_PER_FILE} fragments, ")
    assert_sound(server.data_dir, 3)
    server.start()
    for name in ("gate", "yard", "door"):
        assert len(list_fragments(server, name)) == FILES * FRAGMENTS_PER_FILE
    held = own_operation(server, "/listMediaRanges", StreamName="gate", StartTimestamp=0, EndTimestamp=4_000_000_000)
    assert [found["FragmentCount"] for found in held["Ranges"]] == [FILES * FRAGMENTS_PER_FILE]
