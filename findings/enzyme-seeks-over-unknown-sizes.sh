#!/usr/bin/env bash
# enzyme 0.5.2 (Python, reads Matroska for media catalogues and subtitle finders), as of 2026-11: knows no elements of
# unknown size (RFC 8794 section 6.2), which live writers make. It skips a Cluster by a seek over the largest size that
# there is. Where the file system takes offsets of 2^56 it opens the file; on ext4, whose files end at 2^44, the seek fails
# and so does opening, with an OSError that says nothing of the format. So the same file opens here and not there.
#
# What a live writer made has to be written anew (ffmpeg -c copy) before such a catalogue takes it in.
#
# Seen (checked below; in memory, where any seek is allowed):
#   live.mkv: 40 frames by ffmpeg; opens, 160x120, no duration; seeks to beyond 2^56
#   file.mkv: 40 frames by ffmpeg; opens, 160x120, 0:00:04; seeks no farther than its end
# Seen on ext4: live.mkv: OSError [Errno 22] Invalid argument
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv v
v/bin/pip --quiet --disable-pip-version-check install enzyme==0.5.2 av==18.1.0
v/bin/python - <<'PYTHON'
import io
import pathlib

import av
import enzyme


class Seen(io.BytesIO):
    farthest = 0

    def seek(self, *position):
        at = super().seek(*position)
        self.farthest = max(self.farthest, at)
        return at


def write(name, options):
    with av.open(name, "w", format="matroska", options=options) as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for _ in range(40):
            container.mux(stream.encode(av.VideoFrame(160, 120, "yuv420p")))
        container.mux(stream.encode())


def frames(name):
    with av.open(name) as container:
        return sum(packet.size > 0 for packet in container.demux(video=0))


seen = {}
for name, options in {"live.mkv": {"live": "1"}, "file.mkv": {}}.items():
    write(name, options)
    data = pathlib.Path(name).read_bytes()
    file = Seen(data)
    mkv = enzyme.MKV(file)
    track = mkv.video_tracks[0]
    beyond = "beyond 2^56" if file.farthest > 2**56 else "no farther than its end"
    assert file.farthest > 2**56 or file.farthest <= len(data), file.farthest
    seen[name] = (frames(name), f"{track.width}x{track.height}", str(mkv.info.duration), beyond)
    print(name, *seen[name])
    try:
        with open(name, "rb") as on_disk:
            enzyme.MKV(on_disk)
            print(f"{name} opens on this file system")
    except OSError as error:
        print(f"{name} on this file system: OSError {error}")
assert seen == {
    "live.mkv": (40, "160x120", "None", "beyond 2^56"),
    "file.mkv": (40, "160x120", "0:00:04", "no farther than its end"),
}, seen
PYTHON
