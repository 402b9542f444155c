"""The HTTP side of the scripted model: routes, a response's stream, and how the server is run."""

import json
import select
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from orchestrator.testing.model.actions import Action, ScenarioInvalid
from orchestrator.testing.model.choice import choose, read
from orchestrator.testing.model.memory import Memory
from orchestrator.testing.model.scenario import Scenario, parse
from orchestrator.testing.model.sse import Cut, Gate, Part, Pause, Send, play
from orchestrator.testing.model.tools import offered

#: So often a pause looks whether the server is to stop.
_SLICE = 0.2


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], memory: Memory, key: str) -> None:
        self.memory = memory
        self.key = key
        self.stopping = threading.Event()
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 900.0

    def log_message(self, *_: object) -> None:
        """Requests are noted by `Memory`, not on stderr."""

    def do_GET(self) -> None:
        memory = self.server.memory
        match self.path.partition("?")[0]:
            case "/healthz":
                self._reply(200, memory.health())
            case "/__requests":
                self._reply(200, memory.requests())
            case _:
                self._no_route()

    def do_PUT(self) -> None:
        body = self._body()
        if self.path != "/__scenario":
            self._no_route()
            return
        try:
            self.server.memory.replace(parse(body))
        except ScenarioInvalid as exc:
            self._reply(422, {"error": {"message": str(exc)}})
        else:
            self._reply(200, {})

    def do_POST(self) -> None:
        body = self._body()
        path = self.path.partition("?")[0]
        if path.startswith("/__release/"):
            self.server.memory.gates.open(path.removeprefix("/__release/"))
            self._reply(200, {})
        elif not path.endswith("/responses"):
            self._no_route()
        elif self.server.key and self.headers.get("authorization") != f"Bearer {self.server.key}":
            self._reply(401, {"error": {"message": "this model wants its key"}})
        elif not isinstance(body, dict):
            self._reply(400, {"error": {"message": "the body is no JSON object"}})
        else:
            self._respond(body)

    def _respond(self, body: dict[str, Any]) -> None:
        memory, thread = self.server.memory, self.headers.get("thread-id", "")
        asked = read(body)
        memory.note(thread, asked, body)
        actions = choose(memory.scenario(), asked, memory.attempt(thread, asked))
        refusal = next((action for action in actions if action.kind == "http"), None)
        if refusal is not None:
            self._refuse(refusal)
            return
        usage = memory.scenario().usage
        parts = play(actions, offered(body), f"resp_{uuid.uuid4().hex[:16]}", usage)
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("cache-control", "no-cache")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        for number, part in enumerate(parts):
            if not self._perform(number, part):
                return

    def _perform(self, number: int, part: Part) -> bool:
        """Do one part of a stream; False where the stream ends with it."""
        match part:
            case Send(event=event, fields=fields):
                data = json.dumps({"type": event, "sequence_number": number, **fields})
                return self._write(f"event: {event}\ndata: {data}\n\n".encode())
            case Pause(seconds=seconds):
                return not self._gone_within(seconds)
            case Gate(name=name):
                return self.server.memory.gates.pass_through(name, lambda: self._gone_within(0))
            case Cut():
                return False

    def _gone_within(self, seconds: float) -> bool:
        """Wait; True as soon as the client has left or the server stops.

        A client that is owed an answer sends nothing: what can be read is the end of its side.
        """
        poll = select.poll()
        poll.register(self.connection, select.POLLIN)
        until = time.monotonic() + seconds
        while not self.server.stopping.is_set():
            left = max(0.0, until - time.monotonic())
            if poll.poll(min(left, _SLICE) * 1000):
                return not self.connection.recv(1, socket.MSG_PEEK)
            if not left:
                return False
        return True

    def _write(self, data: bytes) -> bool:
        try:
            self.wfile.write(data)
        except OSError:
            return False  # the client has left; codex does so when a turn is interrupted
        return True

    def _refuse(self, action: Action) -> None:
        message = {"error": {"message": f"scripted status {action.value}", "type": "scripted"}}
        self._reply(action.value, action.options.get("body", message), action.options.get("headers", {}))

    def _body(self) -> Any:
        data = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            return json.loads(data) if data else None
        except ValueError:
            return None

    def _no_route(self) -> None:
        self._reply(404, {"error": {"message": f"{self.command} {self.path} is not served"}})

    def _reply(self, status: int, body: object, headers: Mapping[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, str(value))
        self.end_headers()
        self._write(data)


class ModelServer:
    """The server on threads of its own: `with ModelServer(...) as model: ... model.base_url`.

    With a `key` it answers only who has it.
    """

    def __init__(self, memory: Memory, *, host: str = "127.0.0.1", port: int = 0, key: str = "") -> None:
        self.memory = memory
        self._host = host
        self._server = _Server((host, port), memory, key)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def base_url(self) -> str:
        """What codex's `base_url` is set to."""
        return f"http://{self._host}:{self.port}/v1"

    def play(self, scenario: object) -> None:
        """Play another scenario, given as its JSON."""
        self.memory.replace(scenario if isinstance(scenario, Scenario) else parse(scenario))

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    scenario: Path | None = None,
    log: Path | None = None,
    port_file: Path | None = None,
    ready: Callable[[str], None] = print,
) -> None:
    """Serve until SIGINT or SIGTERM; `ready` hears the base URL. Without a file the demo is played.

    Raises:
        ScenarioInvalid: the scenario file cannot be played.
        OSError: the address cannot be had.
    """
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with ModelServer(Memory(file=scenario, log=log), host=host, port=port) as model:
        if port_file:
            port_file.write_text(f"{model.port}\n")
        ready(model.base_url)
        ended.wait()
