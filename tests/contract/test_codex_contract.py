"""The `Codex` port, on a real app-server and on its twin: what the use cases may rely on."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.codex import requests
from orchestrator.codex.config import config_toml
from orchestrator.codex_connection import unix
from orchestrator.codex_connection.control import Control, proxy
from orchestrator.codex_connection.peer import Connection
from orchestrator.core.errors import CodexRefused, ConnectionLost, TimedOut
from orchestrator.core.policies import Policies
from orchestrator.core.ports import ByteStream, Codex
from orchestrator.testing.codex import MemoryCodex
from orchestrator.testing.processes import LocalPrograms
from orchestrator.testing.waiting import until

codex_cli_bin = pytest.importorskip(
    "codex_cli_bin", reason="the contract group of dependencies is not installed"
)
BINARY = str(Path(codex_cli_bin.__file__).parent / "bin" / "codex")
MODEL = "gpt-6.1-sol"


async def _hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A model that takes every question and never answers: the turn runs until somebody ends it."""
    try:
        while await reader.read(65536):
            pass
    finally:
        writer.close()


@dataclass
class Server:
    """A real app-server on a unix socket, in a home of its own."""

    socket: str
    home: Path
    programs: LocalPrograms
    process: asyncio.subprocess.Process | None = None

    @property
    def work(self) -> str:
        return str(self.home.parent / "work")

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            *(BINARY, "--strict-config", "app-server", "--listen", f"unix://{self.socket}"),
            env={**os.environ, "CODEX_HOME": str(self.home)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        await until(self._listens)

    async def _listens(self) -> bool:
        try:
            await (await unix.connect(self.socket)).close()
        except ConnectionLost:
            return False
        return True

    async def kill(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def open(self, argv: Sequence[str]) -> ByteStream:
        return await self.programs.open([BINARY, *argv[1:]])

    async def connection(self) -> Connection:
        stream = await self.open(proxy(self.socket))
        return await Connection.open(stream, name="contract", listen=False)


@asynccontextmanager
async def running() -> AsyncIterator[Server]:
    """Everything in a folder with a short path: a unix socket takes 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="cx-", dir="/tmp"))
    home, work = folder / "home", folder / "work"
    home.mkdir()
    work.mkdir()
    model = await asyncio.start_server(_hold, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{model.sockets[0].getsockname()[1]}/v1"
    (home / "config.toml").write_text(config_toml(Policies(model=MODEL), base_url=url))
    server = Server(str(folder / "app.sock"), home, LocalPrograms())
    try:
        await server.start()
        yield server
    finally:
        await server.kill()
        model.close()
        for stream in server.programs.opened:
            await stream.close()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with running() as found:
        yield found


@pytest.fixture
async def control(server: Server) -> AsyncIterator[Codex]:
    control = Control(server.open, socket=server.socket)
    yield control
    await control.close()


@pytest.fixture
async def thread(server: Server) -> str:
    """A thread of the real app-server that can be resumed."""
    connection = await server.connection()
    params = requests.thread_start(cwd=server.work, sandbox="danger-full-access", approval="never")
    thread_id = str((await connection.call("thread/start", params))["thread"]["id"])
    await connection.call("thread/name/set", requests.thread_name(thread_id, "contract"))
    await connection.close()
    return thread_id


@dataclass
class Open:
    """An open thread, and the port to it."""

    codex: Codex
    thread: str

    async def becomes(self, kind: str, turn_id: str = "") -> None:
        async def so() -> bool:
            status = await self.codex.status(self.thread)
            return (status.kind, status.turn_id) == (kind, turn_id)

        await until(so)


@pytest.fixture(params=["real", "twin"])
def opened(request: pytest.FixtureRequest) -> Open:
    if request.param == "real":
        return Open(request.getfixturevalue("control"), request.getfixturevalue("thread"))
    twin = MemoryCodex(lambda _: None, manual=True)
    twin.open_thread("a thread")
    return Open(twin, "a thread")


async def test_an_idle_thread_says_so(opened: Open) -> None:
    """A thread that nobody has written to is idle and has no turn."""
    status = await opened.codex.status(opened.thread)
    assert (status.kind, status.turn_id) == ("idle", "")


async def test_a_thread_that_is_not_there_is_refused(opened: Open) -> None:
    """Codex's refusal comes as our error, with its words."""
    with pytest.raises(CodexRefused):
        await opened.codex.status("00000000-0000-7000-8000-000000000000")
    with pytest.raises(CodexRefused):
        await opened.codex.start_turn("00000000-0000-7000-8000-000000000000", "x", "m0")


async def test_a_started_turn_runs_under_the_id_that_was_given(opened: Open) -> None:
    """The id of `start_turn` is the one that the status names."""
    turn = await opened.codex.start_turn(opened.thread, "one", "m1")
    await opened.becomes("active", turn)


async def test_a_start_while_a_turn_runs_goes_into_that_turn(opened: Open) -> None:
    """Codex has one turn at a time; the second start is told the id of the first."""
    turn = await opened.codex.start_turn(opened.thread, "one", "m1")
    assert await opened.codex.start_turn(opened.thread, "two", "m2") == turn


async def test_steering_names_the_turn_that_it_means(opened: Open) -> None:
    """The running turn takes a message; another one, or none, refuses it."""
    with pytest.raises(CodexRefused):
        await opened.codex.steer(opened.thread, "no-turn", "early", "m0")
    turn = await opened.codex.start_turn(opened.thread, "one", "m1")
    assert await opened.codex.steer(opened.thread, turn, "two", "m2") == turn
    with pytest.raises(CodexRefused):
        await opened.codex.steer(opened.thread, "another-turn", "three", "m3")


async def test_an_interrupt_ends_the_turn(opened: Open) -> None:
    """After an interrupt the thread is free for the next message."""
    turn = await opened.codex.start_turn(opened.thread, "one", "m1")
    await opened.codex.interrupt(opened.thread, turn)
    await opened.becomes("idle")
    assert await opened.codex.start_turn(opened.thread, "two", "m2") != turn


async def test_an_interrupt_of_what_does_not_run_is_no_wait(opened: Open) -> None:
    """Codex would never answer; the port looks first and returns."""
    await opened.codex.interrupt(opened.thread, "no-turn")
    turn = await opened.codex.start_turn(opened.thread, "one", "m1")
    await opened.codex.interrupt(opened.thread, "another-turn")
    assert (await opened.codex.status(opened.thread)).turn_id == turn


async def test_an_interrupt_of_a_turn_that_is_over_is_no_wait(opened: Open) -> None:
    """The second interrupt of a turn finds nothing, and the thread stays free."""
    turn = await opened.codex.start_turn(opened.thread, "one", "m1")
    for _ in range(2):
        await opened.codex.interrupt(opened.thread, turn)
    assert (await opened.codex.status(opened.thread)).kind == "idle"


async def test_terminals_are_cleaned_any_time(opened: Open) -> None:
    """Cleaning with nothing to clean is no error."""
    await opened.codex.clean_terminals(opened.thread)


async def test_a_dead_connection_is_replaced(control: Codex, server: Server, thread: str) -> None:
    """When the program that held the way in dies, the next question takes a new one."""
    await control.status(thread)
    held = server.programs.processes[-1]
    held.kill()
    await held.wait()
    assert (await control.status(thread)).kind == "idle"
    assert server.programs.processes[-1] is not held


async def test_an_app_server_that_comes_back_is_found_again(
    control: Codex, server: Server, thread: str
) -> None:
    """While it is away every command fails in time; when it is back the next one succeeds."""
    await control.status(thread)
    await server.kill()
    with pytest.raises((ConnectionLost, TimedOut)):
        await control.status(thread)
    await server.start()
    assert (await control.status(thread)).kind in {"idle", "notLoaded"}


async def test_a_turn_that_died_with_its_server_does_not_run(
    control: Codex, server: Server, thread: str
) -> None:
    """After a kill in the middle of a turn, the thread that is resumed is idle and takes the next one."""
    turn = await control.start_turn(thread, "one", "m1")
    await server.kill()
    await server.start()
    connection = await server.connection()
    again = requests.thread_resume(thread, cwd=server.work, sandbox="danger-full-access", approval="never")
    await connection.call("thread/resume", again)
    status = await control.status(thread)
    assert (status.kind, status.turn_id) == ("idle", "")
    assert await control.start_turn(thread, "two", "m2") != turn
    await connection.close()


async def test_a_closed_control_holds_nothing(control: Codex, server: Server, thread: str) -> None:
    """After `close` no program of ours is left beside the app-server."""
    await control.status(thread)
    await control.close()
    assert all(process.returncode is not None for process in server.programs.processes)
