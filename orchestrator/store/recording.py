"""The recorder's log as the collector reads it: whole lines from a checkpoint on, and wake-ups."""

import asyncio
import os
from collections.abc import AsyncGenerator
from pathlib import Path

from watchfiles import awatch

from orchestrator.core.ports import Checkpoint, Chunk

BLOCK = 1 << 20
LONGEST_LINE = 1 << 27
STEP_MS = 10
DEBOUNCE_MS = 20
LOOK_ANYWAY_SECONDS = 1.0


class FileRecording:
    """The `Recording` port on `codex.ndjson`. Another inode, or a size below the checkpoint, is a new one."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def read(self, after: Checkpoint, limit: int) -> Chunk:
        return await asyncio.to_thread(self._read, after, limit)

    def _read(self, after: Checkpoint, limit: int) -> Chunk:
        try:
            fd = os.open(self._path, os.O_RDONLY)
        except FileNotFoundError:
            return Chunk(lines=(), checkpoint=after)
        try:
            found = os.fstat(fd)
            fresh = after.inode not in {0, found.st_ino} or found.st_size < after.offset
            start = Checkpoint(inode=found.st_ino) if fresh or not after.inode else after
            lines = _whole_lines(fd, start.offset, limit)
        finally:
            os.close(fd)
        if not lines:
            return Chunk(lines=(), checkpoint=after)
        offset = start.offset + sum(len(line) + 1 for line in lines)
        number = start.line + len(lines)
        return Chunk(lines=lines, checkpoint=Checkpoint(offset=offset, inode=found.st_ino, line=number))

    async def changes(self) -> AsyncGenerator[None, None]:
        """Wake-ups come within some tens of milliseconds, and once a second whatever the file system says."""
        yield None
        while True:
            if not self._path.parent.is_dir():
                await asyncio.sleep(LOOK_ANYWAY_SECONDS)
                yield None
                continue
            async for _ in awatch(
                self._path.parent,
                step=STEP_MS,
                debounce=DEBOUNCE_MS,
                rust_timeout=int(LOOK_ANYWAY_SECONDS * 1000),
                yield_on_timeout=True,
                recursive=False,
            ):
                yield None


def _whole_lines(fd: int, offset: int, limit: int) -> tuple[bytes, ...]:
    data = os.pread(fd, BLOCK, offset)
    while data and b"\n" not in data and len(data) < LONGEST_LINE:
        more = os.pread(fd, BLOCK, offset + len(data))
        if not more:
            return ()
        data += more
    return tuple(data.split(b"\n")[:-1][:limit])
