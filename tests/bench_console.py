"""Measures how soon the web console is there, and writes the page of it. Part of `make bench`; no test runs it.

Wants a release build of the program with the console in it, named by VIGIE_BIN.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile

import browsers
import machine
import processes
from streams import create_stream

ROUNDS = 7
FEW, MANY = 20, 1000

ROWS = [
    ("The sign-in form can be typed into", "coldForm", "nothing cached", "1000"),
    ("The same", "warmForm", "cached", ""),
    ("From *Sign in* to the table of streams", "coldSignIn", "nothing cached", "1000"),
    ("The same", "warmSignIn", "cached", ""),
    ("The table of streams, signed in before", "warmStreams", "cached", ""),
]
ROWS_OF_MANY = [ROWS[2], *ROWS[4:]]


def measure(streams):
    with tempfile.TemporaryDirectory() as folder, processes.Site(folder) as site:
        site.server.start()
        for number in range(streams):
            create_stream(site.server, f"camera-{number:04}")
        printed = browsers.measure("console-load.mjs", site.server, ROUNDS=str(ROUNDS))
    return json.loads(printed)


def sizes():
    """Bytes of the built files: as they are, and as they travel to a browser on loopback or by https."""
    assets = processes.REPOSITORY / "console" / "out" / "dist" / "assets"
    groups = {"player": ["hls.light-*.js"], "charts": ["metrics-*.js"], "all scripts and styles": ["*.js", "*.css"]}
    found = {}
    for group, patterns in groups.items():
        plain = [path for pattern in patterns for path in assets.glob(pattern)]
        small = [twin if (twin := path.with_name(f"{path.name}.br")).exists() else path for path in plain]
        found[group] = (sum(p.stat().st_size for p in plain), sum(p.stat().st_size for p in small))
    return found


def page(rounds, rounds_of_many):
    def row(rounds, what, name, cache, aim):
        of = [round_[name] for round_ in rounds]
        ms = [one["ms"] for one in of]
        wire = statistics.median(one["wireBytes"] for one in of) / 1000
        return f"| {what} | {cache} | {statistics.median(ms):.0f} | {max(ms):.0f} | {wire:.0f} | {aim} |"

    first = rounds[0]["coldForm"]
    bundle = "\n".join(
        f"| {group} | {plain / 1000:.0f} | {small / 1000:.0f} |" for group, (plain, small) in sizes().items()
    )
    chromium = subprocess.run(["chromium", "--version"], capture_output=True, text=True, check=True).stdout
    return f"""# The web console

Part of [the benchmarks](../benchmarks.md); `make bench` writes this page.

{machine.measured_on()}.
Browser and server share them.
{" ".join(chromium.split()[:2])} without a screen and a release build of the server, over loopback; {FEW} streams.

Milliseconds since the address was entered, or since *Sign in* was pressed; {len(rounds)} rounds, each in a browser that
was just started. *kB* is what came over the wire since the page was opened.

| | browser cache | median ms | worst ms | kB | aim |
| --- | --- | ---: | ---: | ---: | --- |
{chr(10).join(row(rounds, *one) for one in ROWS)}

The same with {MANY} streams:

| | browser cache | median ms | worst ms | kB | aim |
| --- | --- | ---: | ---: | ---: | --- |
{chr(10).join(row(rounds_of_many, *one) for one in ROWS_OF_MANY)}

When the form can be typed into, {first["requests"]} requests have brought {first["bytes"] / 1000:.0f} kB, which travelled as {first["wireBytes"] / 1000:.0f} kB; what comes behind
the form is among them, or on its way while somebody types. Player and charts are loaded when they are looked at.

| | kB | kB by brotli |
| --- | ---: | ---: |
{bundle}
"""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--page", type=pathlib.Path, required=True, help="the page to write")
    options = parser.parse_args()
    text = page(measure(FEW), measure(MANY))
    options.page.write_text(text)
    print(text)
