"""A unix socket as a byte stream, and who listens on its other end.

The caller may lend a context in which the path is looked up: root without its usual powers borrows the
agent's file-system uid there. The connection itself is made without waiting: a socket whose listener does
not accept is refused at once, so that nobody can hold us here.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from orchestrator.core.errors import ConnectionLost

_CHUNK = 256 * 1024
_PATIENCE_AT_CLOSE = 1.0
_CREDENTIALS = struct.Struct("3i")

Lend = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True, slots=True)
class Listener:
    """The process that listens, as the kernel remembers it; pid 0 is one of another PID namespace."""

    pid: int
    uid: int
    gid: int


class UnixStream:
    """An open connection; fulfils `core.ports.ByteStream`."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener: Listener
    ) -> None:
        self._reader = reader
        self._writer = writer
        self.listener = listener

    async def read(self) -> bytes:
        return await self._reader.read(_CHUNK)

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def close(self) -> None:
        """Close it; what a listener that does not read leaves unsent is dropped after a moment."""
        self._writer.close()
        try:
            async with asyncio.timeout(_PATIENCE_AT_CLOSE):
                await self._writer.wait_closed()
        except OSError:  # it ended first, or takes nothing more (TimeoutError is one too)
            self._writer.transport.abort()


async def connect(path: str, *, lend: Lend = contextlib.nullcontext) -> UnixStream:
    """Connect to a listening socket.

    Raises:
        ConnectionLost: nobody listens there, or nobody accepts.
    """
    raw = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        with lend():
            raw.connect(path)
        reader, writer = await asyncio.open_unix_connection(sock=raw, limit=_CHUNK)
    except OSError as exc:
        raw.close()
        raise ConnectionLost(f"{path}: {exc.strerror or exc}") from exc
    return UnixStream(reader, writer, _listener(raw))


def _listener(raw: socket.socket) -> Listener:
    data = raw.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return Listener(*_CREDENTIALS.unpack(data))
