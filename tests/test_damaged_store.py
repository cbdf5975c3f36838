"""A real server's and a real hub's folder with a damaged index, and with media that nothing can be read back from."""

import json
import re
import shutil

import media
from processes import http_get
from put_media import CAPTURES
from streams import (
    assert_nothing_twice,
    configure,
    fragment_number,
    get_media,
    list_fragments,
    wait_for_fragments,
    wait_in_sync,
)
from test_store import stop, store, upload
from waiting import eventually

COPY = "20260101T000000Z-0000900001.mkv"
JUNK = "20260101T000000Z-0000900002.mkv"


STREAMS = CAPTURES[:2]


def listing(server):
    """What a client sees of the streams: fragments, and media."""
    found = {}
    for name in STREAMS:
        listed = [(f["FragmentNumber"], f["ProducerTimestamp"]) for f in list_fragments(server, name)]
        found[name] = listed, [(fragment_number(d), d.clusters[0].raw) for d in get_media(server, name)]
    return found


def filled_server(site):
    for name in STREAMS:
        upload(site.server, name, name)
    found = listing(site.server)
    stop(site.server)
    return found


def uploading_agent(site):
    agent = site.agent()
    agent.start()
    camera = site.vigie_camera(media.h264_mp4())
    configure(site.server, agent, "yard", f"rtsp://{camera}/cam0", deletion={"DeleteAfterUpload": False})
    wait_in_sync(site.server, "yard")
    wait_for_fragments(site.server, "yard", 4)
    return agent


def damage(folder):
    """The index's middle third is not what was written."""
    index = folder / "index.sqlite"
    data = bytearray(index.read_bytes())
    third = len(data) // 3
    data[third : 2 * third] = bytes(255 - byte for byte in data[third : 2 * third])
    index.write_bytes(data)
    return bytes(data)


def metric(url, name):
    status, text = http_get(f"{url}/metrics")
    assert status == 200
    return float(re.search(rf"^{name} (\S+)$", text, re.MULTILINE)[1])


def test_a_damaged_index_is_laid_aside_and_everything_is_there_again(own_site):
    server = own_site.server
    before = filled_server(own_site)
    damaged = damage(server.data_dir)
    assert "index" in store("check", server.data_dir, expect=1)
    files = {path: path.read_bytes() for path in server.data_dir.rglob("*.mkv")}

    server.start()
    assert listing(server) == before
    assert "the index is damaged: it lies aside" in server.process.log()
    old = server.data_dir / "index.sqlite.old-1"
    assert str(old) in server.process.log() and old.read_bytes() == damaged
    fragments = sum(len(listed) for listed, _ in before.values())

    def is_told():
        return metric(server.url, "vigie_server_claimed_fragments") == fragments

    eventually(is_told, 90, "the metrics say what was taken in")
    assert metric(server.url, "vigie_server_index_was_damaged") == 1
    upload(server, "afterwards", CAPTURES[0])
    stop(server)
    assert {path: path.read_bytes() for path in files} == files
    assert "index and media files agree" in store("check", server.data_dir)

    server.start()
    assert metric(server.url, "vigie_server_index_was_damaged") == 0
    assert listing(server) == before


def test_a_hub_whose_index_is_damaged_records_on_and_sends_nothing_twice(own_site):
    server, agent = own_site.server, uploading_agent(own_site)
    stop(agent)
    recorded = set(agent.media_files())
    held = len(list_fragments(server, "yard"))
    damaged = damage(agent.data_dir)

    agent.start()
    assert "the index is damaged: it lies aside" in agent.process.log()
    assert (agent.data_dir / "index.sqlite.old-1").read_bytes() == damaged

    def all_is_back():
        return "what it did not know is in it again" in agent.process.log()

    eventually(all_is_back, 30, "the log says what was taken in")
    assert metric(agent.url, "vigie_agent_index_was_damaged") == 1
    assert metric(agent.url, "vigie_agent_claimed_fragments") > 0
    wait_for_fragments(server, "yard", held + 4, deadline_seconds=90)
    assert recorded <= set(agent.media_files())
    assert_nothing_twice(list_fragments(server, "yard"))
    stop(agent)
    assert "index and media files agree" in store("check", agent.data_dir)


def lay_aside(daemon):
    """Has a start set two files aside: one that another has the number of, and one that says nothing."""
    known = sorted(daemon.media_files())[0]
    shutil.copy(known, known.with_name(COPY))
    known.with_name(JUNK).write_bytes(b"no media" * 1000)
    daemon.start()

    def both_lie_aside():
        return daemon.process.log().count("lies aside; see `vigie store unclaimed`") == 2

    eventually(both_lie_aside, 30, "the log tells of both files")
    stop(daemon)
    return known


def assert_listed_and_discarded(folder, known, stream):
    aside = f"unclaimed/{known.parent.name}"
    lines = {line["Path"]: line for line in json.loads(store("unclaimed", folder, "--json"))}
    assert set(lines) == {f"{aside}/{COPY}", f"{aside}/{JUNK}"}
    copy, junk = lines[f"{aside}/{COPY}"], lines[f"{aside}/{JUNK}"]
    assert re.match(rf"(.*/)?{stream}\b", copy["Stream"]) and copy["NewestMedia"].startswith("20")
    assert (copy["FragmentCount"] > 0, copy["SizeBytes"]) == (True, known.stat().st_size)
    assert (junk["Stream"], junk["FragmentCount"], junk["SizeBytes"]) == (None, 0, 8000)
    assert not copy["Discarded"] and not junk["Discarded"]
    told = store("unclaimed", folder)
    assert COPY in told and JUNK in told
    assert "2 disagreements" in store("check", folder, expect=1)

    refused = store("unclaimed", folder, "--discard", "unclaimed/nothing.mkv", expect=1)
    assert "does not lie aside" in refused
    # A media file that is known is none of this command's.
    assert "does not lie aside" in store("unclaimed", folder, "--discard", known, expect=1)
    assert known.exists() and len(json.loads(store("unclaimed", folder, "--json"))) == 2

    store("unclaimed", folder, "--discard", f"{aside}/{JUNK}")
    (left,) = json.loads(store("unclaimed", folder, "--json"))
    assert left["Path"] == f"{aside}/{COPY}"
    assert not (folder / "media" / aside / JUNK).exists()
    assert JUNK.encode() in (folder / "media/deleted.journal").read_bytes()
    (discarded,) = json.loads(store("unclaimed", folder, "--discard-all", "--json"))
    assert discarded["Discarded"] is True
    assert "no media lies aside" in store("unclaimed", folder)
    assert COPY.encode() in (folder / "media/deleted.journal").read_bytes()
    assert "index and media files agree" in store("check", folder)


def test_what_lies_aside_on_a_server_is_listed_and_discarded(own_site):
    server = own_site.server
    before = filled_server(own_site)
    known = lay_aside(server)
    stream = known.parent.name.rsplit(".", 1)[0]
    assert_listed_and_discarded(server.data_dir, known, stream)
    server.start()
    assert "is in use; stop the server or agent" in store("unclaimed", server.data_dir, expect=1)
    assert listing(server) == before


def test_what_lies_aside_on_a_hub_is_listed_and_discarded(own_site):
    agent = uploading_agent(own_site)
    stop(agent)
    known = lay_aside(agent)
    assert_listed_and_discarded(agent.data_dir, known, "yard")
    held = len(list_fragments(own_site.server, "yard"))
    agent.start()
    wait_for_fragments(own_site.server, "yard", held + 3)
