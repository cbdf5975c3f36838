"""Runs the scripts of tests/browser: Node drives Debian's Chromium at a server that a test has started."""

import subprocess

from processes import REPOSITORY, clean_environment

SCRIPTS = REPOSITORY / "tests" / "browser"


def run(script, server, deadline_seconds=300, **environment):
    """Runs one script with the server's root key; fails with what it printed, returns that otherwise."""
    key_id, secret = server.key()
    done = subprocess.run(
        ["node", "--test", "--test-reporter=spec", SCRIPTS / script],
        env=clean_environment(VIGIE_URL=server.url, KEY_ID=key_id, KEY_SECRET=secret, **environment),
        capture_output=True,
        text=True,
        timeout=deadline_seconds,
    )
    printed = (done.stdout + done.stderr).replace(secret, "…")
    assert done.returncode == 0, printed
    return printed
