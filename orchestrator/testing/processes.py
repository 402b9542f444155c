"""Programs of this host behind the shape that the engine gives to programs of a container.

For tests and trials of adapters that want `open` and `run`: real processes, without a container.
"""

import asyncio
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence

from orchestrator.core.errors import ConnectionLost
from orchestrator.core.ports import ByteStream, Finished

_GRACE = 2.0


class LocalStream:
    """The two ends of a process that was started and is held."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def read(self) -> bytes:
        return await self._process.stdout.read(65536) if self._process.stdout else b""

    async def write(self, data: bytes) -> None:
        if self._process.stdin is None or self._process.stdin.is_closing():
            raise ConnectionLost("the process has no stdin any more")
        try:
            self._process.stdin.write(data)
            await self._process.stdin.drain()
        except OSError as exc:
            raise ConnectionLost(str(exc)) from exc

    async def close(self) -> None:
        """End its stdin, give it a moment to leave by itself, and wait for it."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(_GRACE):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        self._process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001 - else closed by the garbage collector, with a warning


class LocalPrograms:
    """Counts what it started, so that a test can tell which way was taken."""

    def __init__(self) -> None:
        self.opened: list[LocalStream] = []
        self.ran: list[list[str]] = []
        self.processes: list[Process] = []

    async def open(self, argv: Sequence[str]) -> ByteStream:
        process = await asyncio.create_subprocess_exec(*argv, stdin=PIPE, stdout=PIPE, stderr=DEVNULL)
        self.processes.append(process)
        stream = LocalStream(process)
        self.opened.append(stream)
        return stream

    async def run(self, argv: Sequence[str], stdin: bytes = b"") -> Finished:
        self.ran.append(list(argv))
        process = await asyncio.create_subprocess_exec(*argv, stdin=PIPE, stdout=PIPE, stderr=PIPE)
        stdout, stderr = await process.communicate(stdin)
        return Finished(status=process.returncode or 0, stdout=stdout, stderr=stderr)
