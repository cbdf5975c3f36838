"""FILE_URI over crashes, and folders that are watched: every frame once."""

import os
import time

import elementary
import media
from streams import NEVER, agent_status, configure, wait_in_sync
from waiting import always, eventually


def recorded_frames(agent, stream):
    return elementary.comparable_run(agent.recorded(stream), "video")


def finished(site, stream, words):
    recorder, _ = agent_status(site.server, stream)
    return recorder.get("RecorderStatus") == "SUCCESS" and words in recorder["JobStatusDetails"]


def test_a_file_whose_recording_is_killed_goes_on_where_it_was(own_site):
    times = 8
    path = media.heavy_repeated_h264_mp4(times)
    size = path.stat().st_size
    agent = own_site.agent()
    agent.file_roots = [path.resolve().parent]
    agent.start()
    configure(own_site.server, agent, "long", path.resolve().as_uri(), uri_type="FILE_URI", upload=NEVER)
    sizes = []
    for part in (0.2, 0.5, 0.7):
        eventually(
            lambda part=part: agent.media_size_bytes() > part * size, 60, f"{part} of the file is recorded", 0.01
        )
        agent.kill()
        sizes.append(agent.media_size_bytes())
        agent.start()
    eventually(lambda: finished(own_site, "long", "to its end"), 60, "the file is recorded to its end")
    assert agent.process.stop() == 0
    assert sizes[0] < 0.9 * size, f"the file was recorded before it was killed: {sizes} of {size}"
    source = elementary.source_frames(media.heavy_h264_mp4(), "video")
    assert recorded_frames(agent, "long") == list(source) * times


def test_a_folder_s_files_are_recorded_once_each_when_they_are_whole(own_site, tmp_path):
    folder = tmp_path / "videos"
    folder.mkdir()
    first, second, third = media.h264_mp4(4), media.h264_mkv(6), media.h264_mp4(5)
    (folder / "a.mp4").write_bytes(first.read_bytes())
    os.utime(folder / "a.mp4", (time.time() - 3600, time.time() - 3600))
    agent = own_site.agent()
    agent.file_roots = [tmp_path]
    agent.start()
    configure(own_site.server, agent, "folder", folder.as_uri(), uri_type="FILE_URI", upload=NEVER)
    wait_in_sync(own_site.server, "folder")
    eventually(lambda: finished(own_site, "folder", "every file"), 60, "the first file is recorded")

    # One that is written slowly, piece by piece: it is not taken while it grows.
    data, written = second.read_bytes(), 0
    size = agent.media_size_bytes()
    with open(folder / "b.mkv", "wb", buffering=0) as growing:

        def write_on():
            nonlocal written
            growing.write(data[written : written + len(data) // 20])
            written += len(data) // 20
            assert agent.media_size_bytes() == size, "a file that is being written was taken"

        always(write_on, until=time.time() + 11)
        growing.write(data[written:])
    (folder / ".c.mp4").write_bytes(third.read_bytes())
    os.rename(folder / ".c.mp4", folder / "c.mp4")
    log = agent.process.log
    eventually(lambda: log().count("file recorded") == 3, 60, "all three files are recorded")
    agent.kill()
    agent.start()
    eventually(lambda: finished(own_site, "folder", "every file"), 60, "the restarted hub has nothing to do")
    assert agent.process.stop() == 0

    source = [frame for path in (first, second, third) for frame in elementary.source_frames(path, "video")]
    assert recorded_frames(agent, "folder") == source
    # Each lies where it was last written; the first file an hour back.
    clusters = [cluster for document in agent.recorded("folder") for cluster in document.clusters]
    assert abs(clusters[0].timestamp_ms / 1000 - (time.time() - 3600)) < 120
