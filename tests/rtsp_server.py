#!/usr/bin/python3
"""A camera that Vigie did not write: GStreamer's RTSP server playing a file for ever, never re-encoded.

    rtsp_server.py FILE... --port PORT [--auth USER:PASSWORD] [--basic] [--tls PEM]
    rtsp_server.py --check

Serves rtsp://127.0.0.1:PORT/cam0 and so on, one mount a file; with --tls (a certificate and its key) rtsps. Runs on the
system's Python, where Debian's python3-gi lives; the tests start it as a process. `--check` only says by its exit code
whether every piece it needs is installed.
"""

import argparse
import json
import os
import signal
import subprocess
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtspServer  # noqa: E402

# PyGObject makes a type's values when they are first asked for, and loses them where two threads do: media threads find
# all of theirs here.
UPSTREAM = (Gst.PadProbeType.EVENT_UPSTREAM, Gst.PadProbeType.QUERY_UPSTREAM)
SEEK, SEEKING, SEGMENT_DONE = Gst.EventType.SEEK, Gst.QueryType.SEEKING, Gst.MessageType.SEGMENT_DONE
PROBE_DROP, PROBE_OK = Gst.PadProbeReturn.DROP, Gst.PadProbeReturn.OK
BUS_DROP, BUS_PASS = Gst.BusSyncReply.DROP, Gst.BusSyncReply.PASS
SEEK_SEGMENT, SEEK_FLUSH, SEEK_NONE = Gst.SeekFlags.SEGMENT, Gst.SeekFlags.FLUSH, Gst.SeekFlags.NONE
SET, UNSET, TIME = Gst.SeekType.SET, Gst.SeekType.NONE, Gst.Format.TIME

DEMUXERS = {".mp4": "qtdemux", ".mkv": "matroskademux"}
# config-interval=-1: parameter sets also before each key frame, as most cameras send them.
PAYLOADERS = {
    "h264": "h264parse config-interval=-1 ! rtph264pay",
    "hevc": "h265parse config-interval=-1 ! rtph265pay",
    "mjpeg": "jpegparse ! rtpjpegpay",
    "aac": "aacparse ! rtpmp4gpay",
    "pcm_alaw": "rtppcmapay",
    "pcm_mulaw": "rtppcmupay",
}
STATIC_PAYLOAD_TYPES = {"pcm_mulaw": 0, "pcm_alaw": 8, "mjpeg": 26}


def pipeline(path):
    """Describes the pipeline that plays `path`, one payloader a track."""
    probe = ["ffprobe", "-v", "error", "-show_entries", "stream=codec_type,codec_name", "-of", "json", path]
    streams = json.loads(subprocess.run(probe, capture_output=True, text=True, check=True).stdout)["streams"]
    parts = [f"filesrc location={path} ! {DEMUXERS[os.path.splitext(path)[1]]} name=demuxer"]
    count = {"video": 0, "audio": 0}
    for number, stream in enumerate(streams):
        kind, codec = stream["codec_type"], stream["codec_name"]
        payload_type = STATIC_PAYLOAD_TYPES.get(codec, 96 + number)
        parts.append(
            f"demuxer.{kind}_{count[kind]} ! queue max-size-buffers=200 max-size-time=2000000000 max-size-bytes=0"
            f" ! {PAYLOADERS[codec]} name=pay{number} pt={payload_type}"
        )
        count[kind] += 1
    return "( " + " ".join(parts) + " )"


def refuse_seeks(_pad, info):
    """Makes the media look live: a PLAY with a range must not move it."""
    event, query = UPSTREAM
    if info.type & event and info.get_event().type == SEEK:
        return PROBE_DROP
    if info.type & query and info.get_query().type == SEEKING:
        return PROBE_DROP
    return PROBE_OK


class LoopingMedia(GstRtspServer.RTSPMediaFactory):
    """Plays from the first frame for each client and starts over at the end.

    At each SEGMENT_DONE the demuxer seeks to 0 without flushing: the running time goes on, so RTP timestamps and RTCP
    reports never step back.
    """

    def __init__(self, description):
        super().__init__()
        self.description = description
        self.set_shared(False)
        self.set_suspend_mode(GstRtspServer.RTSPSuspendMode.NONE)
        self.set_latency(0)

    def do_create_element(self, _url):
        element = Gst.parse_launch(self.description)
        number = 0
        while payloader := element.get_by_name(f"pay{number}"):
            event, query = UPSTREAM
            payloader.get_static_pad("src").add_probe(event | query, refuse_seeks)
            number += 1
        return element

    def do_configure(self, media):
        GstRtspServer.RTSPMediaFactory.do_configure(self, media)
        media.connect("prepared", self.prepared)

    def prepared(self, media):
        element = media.get_element()
        demuxer, parent = element.get_by_name("demuxer"), element.get_parent()

        def seek(flags):
            demuxer.send_event(Gst.Event.new_seek(1.0, TIME, flags | SEEK_SEGMENT, SET, 0, UNSET, 0))
            return False

        def on_message(_bus, message, _data):
            # The server owns the bus; this handler sees SEGMENT_DONE first and leaves all else alone.
            if message.type == SEGMENT_DONE and message.src in (demuxer, element, parent):
                GLib.idle_add(seek, SEEK_NONE)
                return BUS_DROP
            return BUS_PASS

        parent.get_bus().set_sync_handler(on_message, None)
        seek(SEEK_FLUSH)


def authentication(options):
    auth = GstRtspServer.RTSPAuth()
    if options.tls:
        auth.set_tls_certificate(Gio.TlsCertificate.new_from_file(options.tls))
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    if not options.auth:
        auth.set_default_token(token)
        return auth
    user, _, password = options.auth.partition(":")
    if options.basic:
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    else:
        auth.set_supported_methods(2)  # GST_RTSP_AUTH_DIGEST, which the bindings do not name
        auth.add_digest(user, password, token)
    return auth


def check():
    """Says whether every element the pipelines name is installed."""
    names = {"filesrc", "queue", *DEMUXERS.values()}
    for payloader in PAYLOADERS.values():
        names.update(part.split()[0] for part in payloader.split(" ! "))
    missing = sorted(name for name in names if Gst.ElementFactory.find(name) is None)
    if not Gio.TlsBackend.get_default().supports_tls():
        missing.append("TLS (glib-networking)")
    if missing:
        sys.exit(f"GStreamer elements are missing: {', '.join(missing)}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="*")
    parser.add_argument("--port", default="0")
    parser.add_argument("--auth")
    parser.add_argument("--basic", action="store_true")
    parser.add_argument("--tls")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    Gst.init(None)
    if options.check:
        check()
        return

    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(options.port)
    if options.auth or options.tls:
        server.set_auth(authentication(options))
    for number, path in enumerate(options.files):
        factory = LoopingMedia(pipeline(path))
        may = "user, media.factory.access=(boolean)true, media.factory.construct=(boolean)true"
        factory.add_role_from_structure(Gst.Structure.new_from_string(may))
        server.get_mount_points().add_factory(f"/cam{number}", factory)
    if not server.attach(None):
        sys.exit(f"cannot listen on 127.0.0.1:{options.port}")
    loop = GLib.MainLoop()
    GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGTERM, lambda: (loop.quit(), False)[1])
    GLib.timeout_add_seconds(5, lambda: (server.get_session_pool().cleanup(), True)[1])
    print(f"listening on 127.0.0.1:{server.get_bound_port()}", flush=True)
    loop.run()


if __name__ == "__main__":
    main()
