"""A program inside a container, held open: the engine's raw socket taken over by asyncio, without a thread.

`take` runs once, in the thread that started the program: it pulls the socket, and what was already read
from it, out of docker-py. `HeldProgram` is the `ByteStream` of the ports.
"""

import asyncio
import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from orchestrator.containers.frames import Frames
from orchestrator.core.errors import ConnectionLost, EngineRefused

_CHUNK = 65_536
#: Seconds: to hand over bytes to a program that reads, and for one to leave when its stdin ends.
WRITE_LIMIT = 15.0
LEAVE_LIMIT = 1.0


@dataclass(frozen=True, slots=True)
class Taken:
    """A socket that is ours alone, and the bytes that came with the answer's head."""

    sock: socket.socket
    early: bytes


def take(hijacked: Any) -> Taken:
    """The socket out of docker-py's answer to `exec_start(socket=True)`; the answer itself is closed."""
    response = hijacked._response  # noqa: SLF001 - docker-py keeps the answer there, for exactly this
    raw = getattr(hijacked, "_sock", None)
    if not isinstance(raw, socket.socket) or type(raw) is not socket.socket:
        response.close()
        raise EngineRefused(
            "programs cannot be held open through this kind of connection to the engine",
            hint="set DOCKER_HOST to a unix socket or a plain tcp address",
        )
    try:
        raw.setblocking(False)  # noqa: FBT003 - the standard library's signature
        early = response.raw._fp.fp.peek()  # noqa: SLF001 - the only place where those bytes are
        return Taken(socket.socket(fileno=os.dup(raw.fileno())), early)
    finally:
        response.close()


class HeldProgram:
    """Both ends of a program inside a container. It is read by one task and written by one task."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, early: bytes, what: str
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._frames = Frames()
        self._early = self._frames.feed(early)
        self._what = what
        self._ended = False

    @classmethod
    async def over(cls, taken: Taken, what: str) -> "HeldProgram":
        if taken.sock.family == socket.AF_UNIX:
            reader, writer = await asyncio.open_unix_connection(sock=taken.sock)
        else:
            reader, writer = await asyncio.open_connection(sock=taken.sock)
        return cls(reader, writer, taken.early, what)

    @property
    def stderr(self) -> str:
        """The end of what the program complained about, as far as it has been read."""
        return self._frames.stderr.decode(errors="replace").strip()

    async def read(self) -> bytes:
        if self._early:
            early, self._early = self._early, b""
            return early
        while not self._ended:
            try:
                data = await self._reader.read(_CHUNK)
            except OSError as exc:
                raise self._lost() from exc
            self._ended = not data
            if out := self._frames.feed(data):
                return out
        return b""

    async def write(self, data: bytes) -> None:
        if self._ended or self._writer.is_closing():
            raise self._lost()
        try:
            self._writer.write(data)
            async with asyncio.timeout(WRITE_LIMIT):
                await self._writer.drain()
        except OSError as exc:
            raise self._lost() from exc

    async def end_input(self) -> None:
        """Tell the program that nothing more comes, and go on reading."""
        with suppress(OSError):
            self._writer.write_eof()

    async def close(self) -> None:
        """End the program's stdin, give it a moment to leave, and drop the connection."""
        if not self._writer.is_closing():
            await self.end_input()
            with suppress(TimeoutError, ConnectionLost):
                async with asyncio.timeout(LEAVE_LIMIT):
                    while await self.read():
                        pass
            self._writer.close()
        self._ended = True
        try:
            async with asyncio.timeout(LEAVE_LIMIT):
                await self._writer.wait_closed()
        except OSError:  # it ended first, or takes nothing more (TimeoutError is one too)
            self._writer.transport.abort()

    def _lost(self) -> ConnectionLost:
        complaint = self.stderr.splitlines()
        return ConnectionLost(f"`{self._what}` ended" + (f": {complaint[-1]}" if complaint else ""))
