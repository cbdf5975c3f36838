#!/usr/bin/env bash
# GStreamer 1.22.0 (Debian 12), as of 2026-11: a Matroska file that is looped by seeks of segments (the way without a flush,
# by which running time and RTP time go on) begins its second round where the last block *began*, not where it ended: the
# first frame of each round has the running time of the last one of the round before.
#
# A camera made of GStreamer's RTSP server and a Matroska file so sends two packets of sound with one stamp, and its pictures
# come too close together, once a round. Who places such a packet by its arrival moves the sound on a busy machine.
#
# Seen (checked below), running times in milliseconds of 500 ms of sound in blocks of 128 ms, looped:
#   matroskademux: 0 128 256 384 384 512 640 768 768
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
# Debian 12's packages, unpacked here.
apt-get download --quiet=2 -o APT::Sandbox::User=root gstreamer1.0-plugins-good=1.22.0-5+deb12u4 gstreamer1.0-plugins-base=1.22.0-3+deb12u7 \
  libgstreamer-plugins-base1.0-0=1.22.0-3+deb12u7 libgstreamer1.0-0=1.22.0-2+deb12u1 gir1.2-gstreamer-1.0=1.22.0-2+deb12u1 \
  python3-gi=3.42.2-3+b1 libgirepository-1.0-1 liborc-0.4-0
for package in *.deb; do dpkg -x "$package" .; done
lib="$folder/usr/lib/x86_64-linux-gnu"
export LD_LIBRARY_PATH="$lib" GI_TYPELIB_PATH="$lib/girepository-1.0" PYTHONPATH="$folder/usr/lib/python3/dist-packages"
export GST_PLUGIN_SYSTEM_PATH="$lib/gstreamer-1.0" GST_REGISTRY="$folder/registry"
export GST_PLUGIN_SCANNER="$lib/gstreamer1.0/gstreamer-1.0/gst-plugin-scanner"
cat >loop.py <<'PYTHON'
import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst

Gst.init(None)


def end_of(pipeline, kinds):
    message = pipeline.get_bus().timed_pop_filtered(20 * Gst.SECOND, kinds | Gst.MessageType.ERROR)
    assert message is not None, "nothing came of it"
    assert message.type != Gst.MessageType.ERROR, message.parse_error()


def write(path):
    """4,000 samples: the last block is shorter than the others."""
    caps = "audio/x-raw,format=S16LE,layout=interleaved,rate=8000,channels=1"
    pipeline = Gst.parse_launch(f"appsrc name=in format=time ! {caps} ! matroskamux ! filesink location={path}")
    appsrc = pipeline.get_by_name("in")
    appsrc.set_property("caps", Gst.Caps.from_string(caps))
    pipeline.set_state(Gst.State.PLAYING)
    for first in range(0, 4000, 1024):
        count = min(1024, 4000 - first)
        buffer = Gst.Buffer.new_wrapped(bytes(2 * count))
        buffer.pts = first * Gst.SECOND // 8000
        buffer.duration = count * Gst.SECOND // 8000
        appsrc.emit("push-buffer", buffer)
    appsrc.emit("end-of-stream")
    end_of(pipeline, Gst.MessageType.EOS)
    pipeline.set_state(Gst.State.NULL)


def running_times_ms(path, count):
    pipeline = Gst.parse_launch(f"filesrc location={path} ! matroskademux name=demuxer ! appsink name=out sync=false")
    out, demuxer = pipeline.get_by_name("out"), pipeline.get_by_name("demuxer")
    pipeline.set_state(Gst.State.PAUSED)
    end_of(pipeline, Gst.MessageType.ASYNC_DONE)

    def seek(flags):
        flags |= Gst.SeekFlags.SEGMENT
        demuxer.send_event(Gst.Event.new_seek(1.0, Gst.Format.TIME, flags, Gst.SeekType.SET, 0, Gst.SeekType.NONE, 0))

    seek(Gst.SeekFlags.FLUSH)
    pipeline.set_state(Gst.State.PLAYING)
    seen = []
    while len(seen) < count:
        sample = out.emit("try-pull-sample", Gst.SECOND // 2)
        if sample is None:
            end_of(pipeline, Gst.MessageType.SEGMENT_DONE)
            seek(Gst.SeekFlags.NONE)
            continue
        time = sample.get_segment().to_running_time(Gst.Format.TIME, sample.get_buffer().pts)
        seen.append(time // Gst.MSECOND)
    pipeline.set_state(Gst.State.NULL)
    return seen


print(Gst.version_string())
write("loop.mkv")
print("matroskademux:", *running_times_ms("loop.mkv", 9))
PYTHON
/usr/bin/python3 loop.py | tee seen.txt
grep -qx "GStreamer 1.22.0" seen.txt
grep -qx "matroskademux: 0 128 256 384 384 512 640 768 768" seen.txt
