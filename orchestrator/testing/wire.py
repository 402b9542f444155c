"""A scripted HTTP server on a real unix socket: it says what a test tells it to.

It is about the wire (errors, torn answers, silence, versions) and knows nothing of what the routes mean.
"""

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from orchestrator import __version__

Say = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Scripted:
    """Answers in their order; what was asked is kept."""

    path: Path
    answers: list[Say] = field(default_factory=list)
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    def will(self, *answers: Say) -> None:
        self.answers += answers


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False


def answer(body: bytes, status: int = 200, version: str = __version__) -> Say:
    """One whole answer."""

    def say(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("X-Orchestrator-Version", version)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return say


def chunks(*parts: bytes, whole: bool = True) -> Say:
    """A chunked answer; one that is not whole just stops, as after a `kill -9`."""

    def say(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("X-Orchestrator-Version", __version__)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for part in (*parts, *([b""] if whole else [])):
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
            handler.wfile.flush()

    return say


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    """No answer at all."""
    handler.close_connection = True


def hold_until(released: threading.Event) -> Say:
    """No answer until the test says so."""

    def say(_: BaseHTTPRequestHandler) -> None:
        released.wait(60)

    return say


@contextmanager
def listening(path: Path) -> Iterator[Scripted]:
    """Serve at the socket while the block runs; each request takes the next answer."""
    script = Scripted(path)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            script.asked.append((self.command, self.path, dict(self.headers), body))
            self.close_connection = True
            script.answers.pop(0)(self)

        do_GET = do_POST = do_DELETE = serve  # noqa: N815 - http.server's names

        def address_string(self) -> str:
            return "unix"

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's signature
            """Nothing: what was asked is kept in the script."""

    with _Server(str(path), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield script
        finally:
            server.shutdown()
            thread.join(10)
