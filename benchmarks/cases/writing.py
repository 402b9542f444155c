"""The daemon's way of typing into a pane, against a bare control-mode client, in a container and without.

All three type into a pane that runs `cat`, so that only the writing is measured.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.figures import Row, milliseconds
from benchmarks.stage import Stage
from orchestrator.containers.connection import Connection
from orchestrator.containers.engine import DockerEngine
from orchestrator.core.places import tmux_target
from orchestrator.core.ports import ByteStream, Finished
from orchestrator.terminal import commands
from orchestrator.terminal.screen import TmuxTerminal
from orchestrator.testing.processes import LocalPrograms

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SESSION = "bench"
TEXT = "a line of some words, as a person would type them"
INSIDE = "/tmp/bench.sock"  # noqa: S108 - in a container of our own


def measure(stage: Stage) -> list[Row]:
    return asyncio.run(_measure(stage))


async def _measure(stage: Stage) -> list[Row]:
    view = await asyncio.to_thread(stage.launch, "writer")
    name, times = view["container_id"], stage.times(300)
    connection = Connection()
    engine = DockerEngine(connection)

    async def inside(argv: Sequence[str]) -> ByteStream:
        return await engine.open(name, argv)

    async def run(argv: Sequence[str], stdin: bytes) -> Finished:
        return await engine.run(name, argv, stdin=stdin)

    programs = LocalPrograms()
    try:
        await engine.run(name, _server(INSIDE, []))
        terminal = TmuxTerminal(SESSION, inside, run, socket=INSIDE)
        with (
            TemporaryDirectory(prefix="b") as folder,
            as_file(files("orchestrator.supervisor") / "tmux.conf") as c,
        ):
            socket = str(Path(folder) / "s")
            await programs.run(_server(socket, ["-f", str(c)]))
            docker_exec = stage.exec(view)
            async with (
                _client([*docker_exec, *commands.attach(INSIDE, SESSION)], programs) as held,
                _client(commands.attach(socket, SESSION), programs) as bare,
            ):
                ours, theirs, local = await _in_turns(terminal, held, bare, times)
            await programs.run(["tmux", "-S", socket, "kill-server"])
        await terminal.close()
    finally:
        await connection.close()
        await asyncio.to_thread(stage.remove, view)
    return [
        Row(
            what="a message typed by the daemon's terminal",
            ours=milliseconds(ours),
            against="a bare control-mode client, held open by `docker exec`",
            baseline=milliseconds(theirs),
            ratio=1.5,
        ),
        Row(
            what="the same",
            ours=milliseconds(ours),
            against="the same client on a tmux of this host",
            baseline=milliseconds(local),
        ),
    ]


def _server(socket: str, options: Sequence[str]) -> list[str]:
    return [
        "tmux",
        *options,
        "-S",
        socket,
        "new-session",
        "-d",
        "-s",
        SESSION,
        "-n",
        "codex",
        "exec cat >/dev/null",
    ]


async def _in_turns(
    terminal: TmuxTerminal, held: "_Bare", bare: "_Bare", times: int
) -> tuple[list[float], list[float], list[float]]:
    """One of each, again and again, so that the machine's moods hit all alike; the first round opens."""
    ours: list[float] = []
    theirs: list[float] = []
    local: list[float] = []
    for number in range(times + 1):
        began = time.perf_counter()
        await terminal.paste(TEXT)
        middle = time.perf_counter()
        await held.type(TEXT)
        later = time.perf_counter()
        await bare.type(TEXT)
        if number:
            ours.append(middle - began)
            theirs.append(later - middle)
            local.append(time.perf_counter() - later)
    return ours, theirs, local


class _Bare:
    """The least that types a text and knows that tmux did it."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream

    async def type(self, text: str) -> None:
        target = tmux_target(SESSION)
        lines = (
            f"set-buffer -b bench -- {commands.quote(text)}\n"
            f"paste-buffer -p -d -b bench -t {commands.quote(target)}\n"
            f"send-keys -t {commands.quote(target)} Enter\n"
        )
        await self._stream.write(lines.encode())
        await self.answers(3)

    async def answers(self, count: int) -> None:
        while count > 0:
            data = await self._stream.read()
            if not data or b"%error" in data:
                raise RuntimeError(f"tmux did not do it: {data!r}")
            count -= data.count(b"%end ")


def _client(argv: Sequence[str], programs: LocalPrograms) -> "AbstractAsyncContextManager[_Bare]":
    @asynccontextmanager
    async def opened() -> "AsyncIterator[_Bare]":
        stream = await programs.open(argv)
        client = _Bare(stream)
        await client.answers(1)
        try:
            yield client
        finally:
            await stream.write(b"detach-client\n")
            await stream.close()

    return opened()
