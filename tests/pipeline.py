#!/usr/bin/python3
"""Runs a GStreamer pipeline to its end: `pipeline.py DESCRIPTION`. On the system's Python, where Debian's python3-gi
lives. A `fdsink` writes to standard output."""

import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

Gst.init(None)
pipeline = Gst.parse_launch(sys.argv[1])
pipeline.set_state(Gst.State.PLAYING)
message = pipeline.get_bus().timed_pop_filtered(60 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
pipeline.set_state(Gst.State.NULL)
if message is None or message.type == Gst.MessageType.ERROR:
    sys.exit(f"the pipeline did not end well: {message and message.parse_error()}")
