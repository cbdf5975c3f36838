"""What machine a page of figures was measured on."""

import os
import pathlib
import platform


def measured_on():
    """A line for the page, without a full stop."""
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    processor = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    load = f"load average at the end {os.getloadavg()[0]:.2f}"
    return f"Measured on: {processor}, {os.cpu_count()} cores, Linux {platform.release()}; {load}"
