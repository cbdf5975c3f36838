"""Runs the scripts of tests/browser: Node drives Debian's Chromium at a server that a test has started."""

import contextlib
import http.server
import subprocess
import threading

from processes import REPOSITORY, clean_environment

SCRIPTS = REPOSITORY / "tests" / "browser"


def run(script, server, deadline_seconds=300, **environment):
    """Runs one script with the server's root key; fails with what it printed, returns that otherwise."""
    return _output(["--test", "--test-reporter=spec", SCRIPTS / script], server, deadline_seconds, environment)


def measure(script, server, deadline_seconds=300, **environment):
    """The same for a script that is no test."""
    return _output([SCRIPTS / script], server, deadline_seconds, environment)


def _output(arguments, server, deadline_seconds, environment):
    key_id, secret = server.key()
    done = subprocess.run(
        # A page waits when the cameras and recorders of the tests beside it have something to do: they keep real time.
        ["nice", "-n", "5", "node", *arguments],
        env=clean_environment(VIGIE_URL=server.url, KEY_ID=key_id, KEY_SECRET=secret, **environment),
        capture_output=True,
        text=True,
        timeout=deadline_seconds,
    )
    printed = (done.stdout + done.stderr).replace(secret, "…")
    assert done.returncode == 0, printed
    return printed


@contextlib.contextmanager
def outside(**deeds):
    """Lets a script have something done that no page can do: `POST /name` does it, with its body. Gives the address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            deed = deeds.get(self.path.removeprefix("/"))
            if deed:
                deed(self.rfile.read(int(self.headers["content-length"])).decode())
            self.send_response(200 if deed else 404)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as listener:
        thread = threading.Thread(target=listener.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.server_port}"
        finally:
            listener.shutdown()
            thread.join()
