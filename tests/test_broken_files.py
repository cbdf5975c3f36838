"""FILE_URI of files that are broken off, compressed, hidden away, or hold what cannot be carried."""

import os
import shutil
import socket
import subprocess
import time

import pytest

import elementary
import media
import processes
from streams import NEVER, agent_status, configure
from waiting import eventually


@pytest.fixture(scope="module")
def hub(site):
    """An agent that may read what lies in one folder."""
    site.videos = site.folder / "videos"
    site.videos.mkdir()
    site.hub = site.agent()
    site.hub.file_roots = [site.videos]
    site.hub.start()
    return site


def said(site, stream, words, status="SUCCESS"):
    """Waits until the recorder's status holds `words`, and returns all of it."""

    def says():
        recorder, _ = agent_status(site.server, stream)
        assert recorder.get("RecorderStatus") == status and words in recorder["JobStatusDetails"], recorder
        return recorder["JobStatusDetails"]

    return eventually(says, 60, f"the status of {stream} says {words!r}")


def record(site, stream, data, name):
    path = site.videos / name
    path.write_bytes(data)
    configure(site.server, site.hub, stream, path.as_uri(), uri_type="FILE_URI", upload=NEVER)


def frames(site, stream, kind):
    """What is stored; the agent has said that it is done."""
    return elementary.comparable_run(site.hub.recorded(stream), kind)


CUTS = {
    "faststart": (media.faststart_mp4, "mp4"),
    "fragmented": (media.fragmented_mp4, "mp4"),
    "clusters": (media.many_clusters_mkv, "mkv"),
}


@pytest.mark.parametrize("tail", ["", "zeros"])
@pytest.mark.parametrize("name", CUTS)
def test_every_frame_before_the_cut_is_recorded(hub, name, tail):
    source, suffix = CUTS[name]
    whole, ends = source().read_bytes(), media.packet_ends(source())
    cut = len(whole) * 6 // 10
    if name == "clusters":
        # ffprobe says where a Matroska block begins, not its frame: the cut lies between two.
        cut = max(end for ends_of in ends.values() for end in ends_of if end <= cut) + 40
    data = whole[:cut] + (bytes(5000) if tail else b"")
    stream = f"{name}-{tail or 'cut'}"
    record(hub, stream, data, f"{stream}.{suffix}")
    details = said(hub, stream, "to where it breaks off")
    assert "after 4." in details or "after 5." in details, details
    for kind in ("video", "audio"):
        expected = elementary.source_frames(source(), kind)
        found = frames(hub, stream, kind)
        assert found == list(expected[: len(found)]), f"{kind} frames are not those of the file, in order"
        if name != "clusters":
            count = sum(end <= cut for end in ends[kind])
            # Sound may end in zeros of its own: of one frame that had begun nobody can tell.
            assert count <= len(found) <= count + (kind == "audio" and bool(tail)), (kind, count, len(found))
        else:
            assert len(found) > len(expected) / 2


def test_what_was_said_of_a_file_is_said_after_a_restart(own_site):
    videos = own_site.folder / "videos"
    videos.mkdir()
    whole = media.fragmented_mp4().read_bytes()
    (videos / "cut.mp4").write_bytes(whole[: len(whole) * 6 // 10])
    agent = own_site.hub = own_site.agent()
    agent.file_roots = [videos]
    agent.start()
    configure(own_site.server, agent, "cut", (videos / "cut.mp4").as_uri(), uri_type="FILE_URI", upload=NEVER)
    before = said(own_site, "cut", "to where it breaks off")
    agent.kill()
    restarted_at = time.time()
    agent.start()

    def again():
        recorder, _ = agent_status(own_site.server, "cut")
        return recorder["LastUpdatedTime"].timestamp() > restarted_at and recorder["JobStatusDetails"] == before

    eventually(again, 60, "the restarted agent says the same")


@pytest.mark.parametrize(
    ("codec", "suffix", "more", "called"),
    [
        ("ac3", "mp4", [], "ac-3"),
        ("pcm_s16le", "mov", [], "pcm"),
        ("libmp3lame", "mp4", [], "mp3"),
        ("flac", "mp4", ["-strict", "-2"], "flac"),
        ("ac3", "mkv", [], "ac-3"),
        ("pcm_s16le", "mkv", [], "pcm"),
        ("flac", "mkv", [], "flac"),
    ],
)
def test_sound_that_cannot_be_carried_is_named(hub, codec, suffix, more, called):
    source = media.other_sound(codec, suffix, *more)
    stream = f"{codec.replace('_', '-')}-{suffix}"
    record(hub, stream, source.read_bytes(), f"{stream}.{suffix}")
    details = said(hub, stream, "to its end")
    assert f"sound in {called} is left out; KVS carries AAC and G.711" in details
    eventually(lambda: f"sound in {called} is left out" in hub.hub.process.log(), 10, "the log says it too")
    elementary.assert_whole(frames(hub, stream, "video"), elementary.source_frames(source, "video"))


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_opus_is_stored_as_it_is(hub, suffix):
    source = media.other_sound("libopus", suffix)
    record(hub, f"opus-{suffix}", source.read_bytes(), f"opus.{suffix}")
    assert said(hub, f"opus-{suffix}", "to its end") == "the file is recorded to its end"
    documents = hub.hub.recorded(f"opus-{suffix}")
    (sound,) = [track for track in documents[0].tracks.values() if track.kind == "audio"]
    assert sound.codec_id == "A_OPUS" and sound.codec_private.startswith(b"OpusHead\x01")
    for kind in ("video", "audio"):
        elementary.assert_whole(elementary.comparable_run(documents, kind), elementary.source_frames(source, kind))
    output = hub.folder / f"opus-{suffix}-export.mp4"
    folder, stream = hub.hub.data_dir, f"opus-{suffix}"
    command = [processes.VIGIE, "store", "export", "--data-dir", folder, "--stream", stream, "--output", output]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    for kind in ("video", "audio"):
        elementary.assert_whole(elementary.source_frames(output, kind), elementary.source_frames(source, kind))


def test_sound_before_the_first_picture_is_kept(hub):
    source = media.late_pictures_mkv()
    record(hub, "late", source.read_bytes(), "late.mkv")
    assert said(hub, "late", "to its end") == "the file is recorded to its end"
    for kind in ("video", "audio"):
        elementary.assert_whole(frames(hub, "late", kind), elementary.source_frames(source, kind))


def test_compressed_tracks_are_read(hub):
    source, path = media.h264_aac_mkv(), hub.folder / "zlib.mkv"
    command = ["mkvmerge", "-q", "-o", path, "--compression", "0:zlib", "--compression", "1:zlib", source]
    subprocess.run(command, check=True, timeout=60)
    record(hub, "zlib", path.read_bytes(), "zlib.mkv")
    assert said(hub, "zlib", "to its end") == "the file is recorded to its end"
    for kind in ("video", "audio"):
        elementary.assert_whole(frames(hub, "zlib", kind), elementary.source_frames(source, kind))


def test_the_codec_of_a_video_that_cannot_be_carried_is_named(hub):
    record(hub, "mjpeg-mov", media.mjpeg_mov().read_bytes(), "mjpeg.mov")
    assert "MJPEG" in said(hub, "mjpeg-mov", "not supported", "USER_ERROR")
    record(hub, "mjpeg-mkv", media.mjpeg_mkv().read_bytes(), "mjpeg.mkv")
    assert "MJPEG" in said(hub, "mjpeg-mkv", "not supported", "USER_ERROR")


def test_without_a_root_no_file_is_recorded_and_the_status_names_the_option(own_site):
    agent = own_site.agent()
    agent.start()
    uri = media.h264_mp4().resolve().as_uri()
    configure(own_site.server, agent, "rootless", uri, uri_type="FILE_URI", upload=NEVER)
    said(own_site, "rootless", "--file-root", "USER_ERROR")


def test_nothing_tells_whether_there_is_a_file_outside_the_roots(hub):
    there, absent = hub.folder / "there.mp4", hub.folder / "absent.mp4"
    there.write_bytes(media.h264_mp4().read_bytes())
    os.symlink(there, hub.videos / "link-there.mp4")
    os.symlink(absent, hub.videos / "link-absent.mp4")
    own = next(hub.hub.data_dir.rglob("*.mkv"), hub.hub.data_dir / "index.sqlite")
    paths = [there, absent, hub.videos / "link-there.mp4", hub.videos / "link-absent.mp4", own, "/etc/passwd"]
    paths.append(f"{hub.videos}/../there.mp4")
    texts = set()
    for number, path in enumerate(paths):
        configure(hub.server, hub.hub, f"outside-{number}", f"file://{path}", uri_type="FILE_URI", upload=NEVER)
        texts.add(said(hub, f"outside-{number}", "--file-root", "USER_ERROR"))
    assert len(texts) == 1


def test_a_pipe_is_not_waited_for_and_holds_up_no_end(own_site):
    videos = own_site.folder / "videos"
    videos.mkdir()
    os.mkfifo(videos / "pipe.mp4")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.fspath(videos / "socket.mp4"))
    agent = own_site.hub = own_site.agent()
    agent.file_roots = [videos]
    agent.start()
    uri = (videos / "pipe.mp4").as_uri()
    configure(own_site.server, agent, "pipe", uri, uri_type="FILE_URI", upload=NEVER)
    said(own_site, "pipe", "a pipe, a socket or a device", "USER_ERROR")
    shutil.copy(media.h264_mp4(4), videos / "film.mp4")
    os.utime(videos / "film.mp4", (time.time() - 60, time.time() - 60))
    configure(own_site.server, agent, "folder", videos.as_uri(), uri_type="FILE_URI", upload=NEVER)
    assert "2 files of the folder" in said(own_site, "folder", "no regular files", "USER_ERROR")
    log = agent.process.log()
    assert "pipe.mp4" in log and "socket.mp4" in log
    began = time.monotonic()
    assert agent.process.stop() == 0
    assert time.monotonic() - began < 5
    found = elementary.comparable_run(agent.recorded("folder"), "video")
    elementary.assert_whole(found, elementary.source_frames(media.h264_mp4(4), "video"))


def _box(kind, *parts):
    body = b"".join(parts)
    return (8 + len(body)).to_bytes(4, "big") + kind + body


def _numbers(*values):
    return b"".join(value.to_bytes(4, "big") for value in values)


def _find(data, *kinds):
    """The body of the box at the end of a path of kinds."""
    for kind in kinds:
        at = 0
        while data[at + 4 : at + 8] != kind:
            at += int.from_bytes(data[at : at + 4], "big")
        data = data[at + 8 : at + int.from_bytes(data[at : at + 4], "big")]
    return data


def _with_two_descriptions(*paths):
    """One video track that is first as one file's and then as the other's, each picture and its parameters untouched."""
    entries, chunks, keys = [], [], []
    for path in paths:
        data = path.read_bytes()
        table = _find(data, b"moov", b"trak", b"mdia", b"minf", b"stbl")
        entries.append(_find(table, b"stsd")[8:])
        keys.append(1 + sum(map(len, chunks)))
        chunks.append([frame.data for frame in elementary.remuxed(path).frames()])
    pictures = [picture for chunk in chunks for picture in chunk]

    def index(first_at):
        places = [first_at, first_at + sum(map(len, chunks[0]))]
        table = _box(
            b"stbl",
            _box(b"stsd", _numbers(0, 2), *entries),
            _box(b"stts", _numbers(0, 1, len(pictures), 512)),
            _box(b"stss", _numbers(0, len(keys), *keys)),
            _box(b"stsc", _numbers(0, 2, 1, len(chunks[0]), 1, 2, len(chunks[1]), 2)),
            _box(b"stsz", _numbers(0, 0, len(pictures), *map(len, pictures))),
            _box(b"stco", _numbers(0, 2, *places)),
        )
        header = _box(b"mdhd", _numbers(0, 0, 0, 12800, 0, 0))
        handler = _box(b"hdlr", _numbers(0, 0), b"vide", bytes(13))
        track = _box(b"tkhd", _numbers(3, 0, 0, 1), bytes(68))
        return _box(b"moov", _box(b"trak", track, _box(b"mdia", header, handler, _box(b"minf", table))))

    kind = _box(b"ftyp", b"isom", _numbers(512))
    return kind + index(len(kind) + len(index(0)) + 8) + _box(b"mdat", *pictures)


def test_a_file_whose_parameters_change_is_two_documents(hub):
    paths = media.h264_mp4(4), media.h264_other_mp4(4)
    record(hub, "two", _with_two_descriptions(*paths), "two.mp4")
    said(hub, "two", "to its end")
    documents = hub.hub.recorded("two")
    assert [len(document.tracks) for document in documents] == [1, 1]
    found = [elementary.comparable(document, "video") for document in documents]
    assert found == [list(elementary.source_frames(path, "video")) for path in paths]
