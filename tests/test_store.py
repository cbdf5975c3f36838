"""`vigie store check | repair | export` over what a real server and a real hub wrote."""

import json
import pathlib
import random
import re
import shutil
import sqlite3
import subprocess

import pytest

import matroska
import media
import processes
import put_media
from processes import VIGIE, clean_environment
from put_media import CAPTURES, RETENTION_HOURS
from streams import (
    NEVER,
    configure,
    create_stream,
    fragment_number,
    get_media,
    list_fragments,
    start_ms,
)
from waiting import eventually


def store(command, folder, *arguments, expect=0):
    """Runs `vigie store`; returns what it printed, with its complaint when it is to fail."""
    line = [VIGIE, "store", command, "--data-dir", folder, *arguments]
    done = subprocess.run(
        [str(part) for part in line], env=clean_environment(), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == expect, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout if expect == 0 else done.stdout + done.stderr


def upload(server, stream, name):
    create_stream(server, stream, RETENTION_HOURS)
    with put_media.Upload(server, stream, put_media.capture(name), drop=("Expect",)) as upload:
        upload.send_all(put_media.capture(name).chunks)
        upload.finish()


def stop(daemon):
    assert daemon.process.stop() == 0


def store_key(folder, stream):
    """The stream as `vigie store list` names it."""
    keys = [line["Stream"] for line in json.loads(store("list", folder, "--json"))]
    (key,) = [key for key in keys if re.search(rf"(^|/){stream}($|[./])", key)]
    return key


def listing(server):
    """What a client sees of every stream, in one value."""
    found = {}
    for name in CAPTURES:
        found[name] = [
            (f["FragmentNumber"], f["FragmentSizeInBytes"], f["ProducerTimestamp"], f["ServerTimestamp"])
            for f in list_fragments(server, name)
        ]
        found[name].append([(fragment_number(d), d.clusters[0].raw) for d in get_media(server, name)])
    return found


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """The folder of a server that took every capture and was stopped; and what clients saw of it."""
    with processes.Site(tmp_path_factory.mktemp("filled")) as site:
        site.server.start()
        for name in CAPTURES:
            upload(site.server, name, name)
        site.listing = listing(site.server)
        site.in_use = store("check", site.server.data_dir, expect=1), store("repair", site.server.data_dir, expect=1)
        stop(site.server)
        yield site


@pytest.fixture
def copied(filled, tmp_path):
    """A copy of that folder, for a test to harm."""
    return pathlib.Path(shutil.copytree(filled.server.data_dir, tmp_path / "data"))


def test_a_store_in_use_is_refused_with_what_to_do(filled):
    for complaint in filled.in_use:
        assert "is in use; stop the server or agent" in complaint


def test_a_healthy_store_has_no_disagreement(filled):
    folder = filled.server.data_dir
    assert "index and media files agree" in store("check", folder)
    report = json.loads(store("check", folder, "--json"))
    assert report["Disagreements"] == []
    assert report["StreamCount"] == report["MediaFileCount"] == len(CAPTURES)
    assert report["FragmentCount"] == sum(len(found) - 1 for found in filled.listing.values())


def test_damage_is_named_with_its_file(copied):
    first, second, third, *_ = sorted(copied.rglob("*.mkv"))
    data = bytearray(first.read_bytes())
    data[len(data) // 2] ^= 0xFF
    first.write_bytes(data)
    second.unlink()
    third.with_name("20260101T000000Z-0000000099.mkv").write_bytes(b"stray")
    told = store("check", copied, expect=1)
    assert f"{first.name}: the bytes of fragment" in told
    assert f"{second.name}: in the index, not on the disk" in told
    assert "0000000099.mkv: on the disk, not in the index" in told
    assert "3 disagreements" in told


def test_a_deleted_index_comes_back_and_clients_see_no_difference(filled, copied, tmp_path):
    for index in copied.glob("index.sqlite*"):
        index.unlink()
    files = {path: path.read_bytes() for path in copied.rglob("*.mkv")}
    dry = store("repair", copied)
    assert "nothing was changed" in dry and not (copied / "index.sqlite").exists()
    assert "the index was rebuilt" in store("repair", copied, "--yes")
    assert "index and media files agree" in store("check", copied)
    assert {path: path.read_bytes() for path in copied.rglob("*.mkv")} == files

    with processes.Site(tmp_path / "site") as site:
        (tmp_path / "site").mkdir(exist_ok=True)
        site.server.data_dir = copied
        site.server.start()
        assert listing(site.server) == filled.listing
        # And it goes on: numbers are not given out twice.
        upload(site.server, "afterwards", CAPTURES[0])
        stop(site.server)
    assert "index and media files agree" in store("check", copied)


def test_a_damaged_database_is_replaced_and_kept(copied):
    for index in copied.glob("index.sqlite*"):
        index.unlink()
    (copied / "index.sqlite").write_bytes(b"garbage" * 5000)
    assert "index" in store("check", copied, expect=1)
    report = json.loads(store("repair", copied, "--yes", "--json"))
    assert report["Done"] and pathlib.Path(report["OldIndex"]).read_bytes().startswith(b"garbage")
    assert "index and media files agree" in store("check", copied)


def test_a_folder_without_a_store_is_refused_and_left_alone(tmp_path):
    for command in ("check", "repair"):
        assert "there is no media store" in store(command, tmp_path / "nothing", expect=1)
    assert not (tmp_path / "nothing").exists()


def probe(path):
    """What ffprobe says of a file: format, packets as (stream, pts), and what it complains of."""
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_packets", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    told = json.loads(done.stdout)
    complaints = {line.split("]")[-1] for line in done.stderr.splitlines()}
    return told["format"], [(p["stream_index"], float(p["pts_time"])) for p in told["packets"]], complaints


def judged(path):
    """The file is whole to mkvmerge and mkvinfo: one Segment, no warning."""
    done = subprocess.run(["mkvmerge", "--identify", "-J", str(path)], capture_output=True, text=True, timeout=60)
    told = json.loads(done.stdout)
    assert done.returncode == 0 and told["warnings"] == [] and told["errors"] == []
    assert told["container"]["recognized"] and told["container"]["supported"]
    info = subprocess.run(["mkvinfo", "--all", str(path)], capture_output=True, text=True, check=True, timeout=60).stdout
    assert info.count("+ Segment: size") == 1, info[:2000]
    for part in ("|+ Cues", "|+ Tracks", "Duration: ", "Date: "):
        assert part in info
    # Everything is read again into a new file: what cannot be read is warned of with exit code 1.
    remuxed = path.with_suffix(".remuxed.mkv")
    done = subprocess.run(["mkvmerge", "-o", remuxed, path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
    return told


@pytest.mark.parametrize("name", CAPTURES)
def test_an_export_is_one_file_with_every_frame(filled, tmp_path, name):
    folder, output = filled.server.data_dir, tmp_path / "out.mkv"
    told = store("export", folder, "--stream", store_key(folder, name), "--output", output)
    assert "fragments" in told
    capture = put_media.capture(name)
    identified = judged(output)
    assert len(identified["tracks"]) == len(capture.document.tracks)
    (document,) = matroska.documents(output.read_bytes())
    frames = [(frame.track, frame.data) for frame in document.frames()]
    assert frames == [(f.track, f.data) for cluster in capture.document.clusters for f in cluster.frames]
    container, packets, complaints = probe(output)
    # Of what was recorded it may complain; of the file it must not.
    assert complaints == probe(put_media.FIXTURES / f"{name}.mkv")[2]
    assert len(packets) == len(frames)
    assert min(at for _, at in packets) == 0
    for stream in {stream for stream, _ in packets}:
        times = [at for of, at in packets if of == stream]
        assert times == sorted(times)
    # As long as what was recorded, and not as the clock says.
    span = max(capture.producer_starts_ms()) - min(capture.producer_starts_ms())
    assert span / 1000 <= float(container["duration"]) <= span / 1000 + 10


def test_an_export_to_mp4_has_every_frame(filled, tmp_path):
    folder, name, output = filled.server.data_dir, "kvssink_http", tmp_path / "out.mp4"
    assert "fragments" in store("export", folder, "--stream", store_key(folder, name), "--output", output)
    _, packets, complaints = probe(output)
    _, stored, known = probe(put_media.FIXTURES / f"{name}.mkv")
    assert complaints == known
    assert len(packets) == len(stored)
    assert output.read_bytes()[4:8] == b"ftyp"


def test_an_export_to_mp4_leaves_out_what_is_not_its_codec_and_says_so(filled, tmp_path):
    folder, output = filled.server.data_dir, tmp_path / "out.mp4"
    # A NAL unit of its second fragment ends beyond its frame.
    key = store_key(folder, "sdkc_h265")
    said = store("export", folder, "--stream", key, "--output", output, expect=1)
    assert "1 fragments could not be read and are missing" in said
    _, packets, _ = probe(output)
    assert len(packets) == len(put_media.capture("sdkc_h265").document.clusters[0].frames)


def test_an_export_of_a_range_has_the_fragments_that_meet_it(filled, tmp_path):
    folder, name, output = filled.server.data_dir, "kvssink_http", tmp_path / "out.mkv"
    capture = put_media.capture(name)
    starts = capture.producer_starts_ms()
    key = store_key(folder, name)
    # From the middle of the second to just before the fourth.
    arguments = ("--stream", key, "--from", starts[1] + 500, "--to", starts[3], "--output", output)
    store("export", folder, *arguments)
    judged(output)
    (document,) = matroska.documents(output.read_bytes())
    assert [len(cluster.frames) for cluster in document.clusters] == [
        len(cluster.frames) for cluster in capture.document.clusters[1:3]
    ]
    # It is not written over.
    assert "cannot create" in store("export", folder, *arguments, expect=1)
    nothing = ("--stream", key, "--from", starts[-1] + 3_600_000, "--output", tmp_path / "none.mkv")
    assert "has no media in that time" in store("export", folder, *nothing, expect=1)
    assert not (tmp_path / "none.mkv").exists()


def test_an_export_that_is_not_asked_for_properly_is_refused(filled, tmp_path):
    folder = filled.server.data_dir
    key = store_key(folder, CAPTURES[0])
    wrong = [
        (("--stream", key, "--output", tmp_path / "out.avi"), 2),
        (("--stream", key, "--from", "yesterday", "--output", tmp_path / "out.mkv"), 2),
        (("--stream", key, "--from", "20", "--to", "10", "--output", tmp_path / "out.mkv"), 2),
        (("--stream", "nobody", "--output", tmp_path / "out.mkv"), 1),
    ]
    for arguments, expect in wrong:
        assert store("export", folder, *arguments, expect=expect)
    assert list(tmp_path.iterdir()) == []


def test_an_export_leaves_out_what_is_damaged_and_says_so(copied, tmp_path):
    key = store_key(copied, "kvssink_http")
    (line,) = json.loads(store("list", copied, "--stream", key, "--json"))
    path = copied / "media" / line["MediaFiles"][0]["Path"]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    output = tmp_path / "out.mkv"
    assert "1 fragments" in store("export", copied, "--stream", key, "--output", output, expect=1)
    (document,) = matroska.documents(output.read_bytes())
    assert len(document.clusters) == len(put_media.capture("kvssink_http").document.clusters) - 1
    judged(output)


def test_a_hub_is_checked_repaired_and_exported_alike(own_site, tmp_path):
    server, camera = own_site.server, own_site.vigie_camera(media.h264_aac_mp4())
    agent = own_site.agent()
    agent.start()
    configure(server, agent, "yard", f"rtsp://{camera}/cam0", upload=NEVER)
    eventually(lambda: agent.media_size_bytes() > 700_000, 40, "the hub records")
    assert "in use" in store("check", agent.data_dir, expect=1)
    # An export beside the running hub.
    live = tmp_path / "live.mkv"
    store("export", agent.data_dir, "--stream", store_key(agent.data_dir, "yard"), "--output", live)
    judged(live)
    agent.process.kill()
    # What was being recorded when it was killed comes back without the index.
    with sqlite3.connect(agent.data_dir / "index.sqlite") as index:
        known = index.execute("SELECT count(*) FROM fragment").fetchone()[0]
    index.close()
    for path in agent.data_dir.glob("index.sqlite*"):
        path.unlink()
    report = json.loads(store("repair", agent.data_dir, "--yes", "--json"))
    assert report["FragmentCount"] >= known
    assert "index and media files agree" in store("check", agent.data_dir)
    output = tmp_path / "hub.mkv"
    store("export", agent.data_dir, "--stream", store_key(agent.data_dir, "yard"), "--output", output)
    judged(output)
    frames = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", output, "-f", "null", "-"], capture_output=True, text=True, timeout=60
    )
    assert (frames.returncode, frames.stderr) == (0, "")
    agent.start()
    size = agent.media_size_bytes()
    eventually(lambda: agent.media_size_bytes() > size + 200_000, 40, "the repaired hub records on")


KILLS = 10
PRODUCERS = 4


def test_a_server_killed_ten_times_during_ingest_loses_nothing_that_it_acknowledged(own_site):
    server, chance = own_site.server, random.Random(4)
    capture = put_media.capture("kvssink_http")
    streams = [f"killed-{number}" for number in range(PRODUCERS)]
    for stream in streams:
        create_stream(server, stream, RETENTION_HOURS)
    persisted = {stream: {} for stream in streams}
    for _ in range(KILLS):
        uploads = {stream: put_media.Upload(server, stream, capture, drop=("Expect",)) for stream in streams}
        acknowledged = lambda: sum(len(upload.of("PERSISTED")) for upload in uploads.values())  # noqa: E731
        kill_after = chance.randrange(1, 2 * PRODUCERS)
        try:
            # Each producer is somewhere else in its body when the server goes.
            for number, upload in enumerate(uploads.values()):
                end = len(capture.chunks) if number == 0 else chance.randrange(len(capture.chunks))
                upload.send_all(capture.chunks[:end])
            fragments = len(capture.document.clusters)
            wanted = min(kill_after, fragments)
            eventually(lambda: acknowledged() >= wanted, 20, f"{wanted} acknowledgements", interval_seconds=0.001)
            server.kill()
        finally:
            for upload in uploads.values():
                upload.cut()
        for stream, upload in uploads.items():
            for acknowledgement in upload.of("PERSISTED"):
                persisted[stream][acknowledgement["FragmentNumber"]] = acknowledgement["FragmentTimecode"]
        server.start()
        for stream in streams:
            listed = {f["FragmentNumber"]: start_ms(f) for f in list_fragments(server, stream)}
            for number, timecode in persisted[stream].items():
                assert listed.get(number) == timecode, f"{stream}: fragment {number} was acknowledged and is gone"
    assert sum(map(len, persisted.values())) >= KILLS
    for stream in streams:
        delivered = {fragment_number(document) for document in get_media(server, stream)}
        assert set(persisted[stream]) <= delivered
    stop(server)
    assert "index and media files agree" in store("check", server.data_dir)
