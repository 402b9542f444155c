"""The connection to an engine that is away, late, or silent."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer

import docker
import pytest

from orchestrator.containers.connection import Connection, settled
from orchestrator.containers.engine import DockerEngine
from orchestrator.core.errors import EngineUnfit, EngineUnreachable, TimedOut
from orchestrator.testing.waiting import until


async def test_an_engine_that_is_away_is_said_to_be_unreachable(tmp_path: Path) -> None:
    """The address is in the message, how to start it in the hint."""
    connection = Connection(f"unix://{tmp_path}/none.sock")
    with pytest.raises(EngineUnreachable, match=r"none\.sock") as failed:
        await DockerEngine(connection).facts()
    assert "start Docker" in failed.value.hint
    await connection.close()


@pytest.mark.parametrize("url", ["ssh://ana@far", "https://far:2376", "far:2375"])
async def test_an_engine_that_sessions_cannot_be_held_on_is_not_even_asked(url: str) -> None:
    """Whatever was to be done; it says which address and what to do, in one line each."""
    connection = Connection(url)
    with pytest.raises(EngineUnfit, match=rf"cannot be held over {url} \(engine\.host\):") as failed:
        await DockerEngine(connection).facts()
    assert "run orchestrator on the engine's machine" in failed.value.hint
    await connection.close()


async def test_who_named_an_engine_that_is_away_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of several places may be what is wrong."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    connection = Connection()
    with pytest.raises(EngineUnreachable, match=r"none\.sock \(DOCKER_HOST\) does not answer"):
        await DockerEngine(connection).facts()
    await connection.close()


async def test_a_socket_that_nobody_listens_on_is_no_engine(tmp_path: Path) -> None:
    """A dead daemon leaves its socket's file behind."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "dead.sock"))
    connection = Connection(f"unix://{tmp_path}/dead.sock")
    with pytest.raises(EngineUnreachable):
        await DockerEngine(connection).containers("0a1b2c3d")
    await connection.close()


class Dull(BaseHTTPRequestHandler):
    """Speaks just enough of an engine."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = b'{"ApiVersion": "1.41", "Version": "1", "Containers": []}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing is of interest."""

    def address_string(self) -> str:
        return "unix"


@pytest.fixture
def late(tmp_path: Path) -> Iterator[tuple[str, threading.Event]]:
    """An engine that begins to listen when it is told to."""
    path, begin = str(tmp_path / "late.sock"), threading.Event()
    servers: list[ThreadingUnixStreamServer] = []

    def serve() -> None:
        begin.wait(20)
        server = ThreadingUnixStreamServer(path, Dull)
        server.daemon_threads = True
        servers.append(server)
        server.serve_forever(poll_interval=0.02)

    thread = threading.Thread(target=serve)
    thread.start()
    yield path, begin
    begin.set()
    while not servers:
        thread.join(0.02)
    servers[0].shutdown()
    servers[0].server_close()
    thread.join()


class Counting(Connection):
    """Knows how often it was tried to reach the engine."""

    tries = 0

    def client(self) -> docker.APIClient:
        self.tries += 1
        return super().client()


async def test_an_engine_that_is_just_starting_is_waited_for(late: tuple[str, threading.Event]) -> None:
    """A call that reached nobody is made again, and the second failure is not the last word."""
    path, begin = late
    connection = Counting(f"unix://{path}")
    asking = asyncio.create_task(connection.call(lambda c: c.version()))
    await until(lambda: connection.tries == 2)
    begin.set()
    assert (await asking)["Version"] == "1"
    await connection.close()


async def test_an_engine_that_says_nothing_does_not_hold_up_its_caller(tmp_path: Path) -> None:
    """The limit is the caller's; the thread ends by itself when the engine lets go."""
    held: list[asyncio.StreamWriter] = []

    async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    server = await asyncio.start_unix_server(hold, str(tmp_path / "mute.sock"))
    connection = Connection(f"unix://{tmp_path}/mute.sock", silence=600)
    with pytest.raises(TimedOut, match="did not answer in time"):
        await connection.call(lambda c: c.ping(), limit=0.2)
    for writer in held:
        writer.close()
        await writer.wait_closed()
    server.close()
    await connection.close()


async def test_a_caller_who_leaves_has_the_work_undone() -> None:
    """And leaves only then: nothing stays behind a cancelled call."""
    going, gate, undone = asyncio.Event(), asyncio.Event(), []

    async def work() -> str:
        going.set()
        await gate.wait()
        return "made"

    async def undo(made: str) -> None:
        undone.append(made)

    caller = asyncio.create_task(settled(work(), undo))
    await going.wait()
    caller.cancel()
    await until(lambda: not undone)
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert undone == ["made"]
