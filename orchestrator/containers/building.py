"""What the engine says while it builds or pulls, followed line by line and told to a person in few words."""

import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing
from typing import Any

import docker

from orchestrator.containers.connection import Connection
from orchestrator.core.errors import ImageUnavailable
from orchestrator.core.ports import Progress

Said = Mapping[str, Any]

#: Seconds: to hand the context over, and for one step to say nothing.
UPLOAD_LIMIT = 300.0
SILENCE_LIMIT = 600.0
#: Seconds between two lines of a step's own output.
PACE = 2.0
_WIDTH = 100
_KEPT = 5


class Narrator:
    """Turns the engine's stream into progress: every step, and of a step's output now and then a line."""

    def __init__(self, tell: Progress, clock: Callable[[], float] = time.monotonic) -> None:
        self._tell = tell
        self._clock = clock
        self._told = clock()
        self._tail: list[str] = []

    def hear(self, said: Said) -> None:
        """Take in one message of the stream.

        Raises:
            ImageUnavailable: the message says that it failed; what was said last explains it.
        """
        if error := said.get("error"):
            why = [line for line in self._tail if line.startswith(("E:", "ERROR"))][-1:] or self._tail[-1:]
            raise ImageUnavailable(" ".join([str(error).strip(), *(f"({line})" for line in why)]))
        text = str(said.get("stream") or said.get("status") or "").strip()
        for line in text.splitlines():
            self._line(line.strip())

    def _line(self, line: str) -> None:
        if not line or line.startswith("--->"):
            return
        self._tail = [*self._tail, line][-_KEPT:]
        step = line.startswith("Step ")
        if step or self._clock() - self._told >= PACE:
            self._told = self._clock()
            self._tell(_short(line if step else f"  {line}"))


async def follow(
    connection: Connection,
    begin: Callable[[docker.APIClient], Iterator[Said]],
    *,
    limit: float = UPLOAD_LIMIT,
) -> AsyncGenerator[Said, None]:
    """The messages of a long operation; whoever leaves early hangs up, and the engine gives up on it."""
    stream = await connection.call(begin, limit=limit)
    while (said := await connection.call(lambda _: next(stream, None), limit=SILENCE_LIMIT)) is not None:
        yield said


async def narrate(
    connection: Connection,
    begin: Callable[[docker.APIClient], Iterator[Said]],
    progress: Progress,
    *,
    limit: float = UPLOAD_LIMIT,
) -> None:
    """Follow a long operation to its end, and tell of it.

    Raises:
        ImageUnavailable: the engine says that it failed.
    """
    narrator = Narrator(progress)
    async with aclosing(follow(connection, begin, limit=limit)) as messages:
        async for said in messages:
            narrator.hear(said)


def _short(line: str) -> str:
    return line if len(line) <= _WIDTH else f"{line[:_WIDTH]}…"
