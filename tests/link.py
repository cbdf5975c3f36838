"""The network between a hub and its server, for tests that break it."""

import contextlib
import socket
import threading
from pathlib import Path
from typing import NamedTuple


def refusal(status, error_type, body):
    """An HTTP answer that refuses."""
    head = f"HTTP/1.1 {status} No\r\nContent-Type: application/json\r\nConnection: close\r\n"
    head += f"x-amzn-ErrorType: {error_type}\r\n" if error_type else ""
    return (head + f"Content-Length: {len(body)}\r\n\r\n{body}").encode()


UNKNOWN_OPERATION = refusal(
    404, None, '{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}'
)


class Link:
    """A TCP relay to the server that can be cut, and that can answer itself: `answers(head, connection)` is given the
    first bytes of each request and says whether it took the connection over."""

    def __init__(self, server, answers=None):
        self.server_port = server.port
        self.answers = answers
        self.is_up = True
        self.sockets = set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._relay, args=(connection,), daemon=True).start()

    def _relay(self, connection):
        with contextlib.suppress(OSError), connection:
            if not self.is_up:
                return
            with socket.create_connection(("127.0.0.1", self.server_port)) as upstream:
                self.sockets |= {connection, upstream}
                back = threading.Thread(target=self._pipe, args=(upstream, connection), daemon=True)
                back.start()
                # A request's head comes in one piece.
                while data := connection.recv(65536):
                    if self.answers and data.startswith(b"POST ") and self.answers(data, connection):
                        break
                    upstream.sendall(data)
                with contextlib.suppress(OSError):
                    upstream.shutdown(socket.SHUT_WR)
                back.join()

    @staticmethod
    def _pipe(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def cut(self):
        self.is_up = False
        for one in list(self.sockets):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self.sockets.clear()

    def mend(self):
        self.is_up = True

    def close(self):
        self.cut()
        self.listener.close()


@contextlib.contextmanager
def agent_behind_link(site, **options):
    """An agent that runs and reaches its server over the link that is yielded with it."""
    link = Link(site.server, **options)
    try:
        agent = site.agent()
        agent.server = Behind(link.url, site.server.credentials_path)
        agent.start()
        yield agent, link
    finally:
        link.close()


class Behind(NamedTuple):
    """Where an agent finds a server that is behind a link."""

    url: str
    credentials_path: Path
