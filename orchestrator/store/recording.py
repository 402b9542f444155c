"""The recorder's log as the collector reads it: whole lines from a checkpoint on, and wake-ups."""

import asyncio
import os
from collections.abc import AsyncGenerator
from pathlib import Path

from orchestrator.core.errors import OrchestratorError, TimedOut
from orchestrator.core.ports import Checkpoint, Chunk
from orchestrator.store.wakeups import Wakeups

BLOCK = 1 << 20
READ_SECONDS = 30.0


class FileRecording:
    """The `Recording` port on `codex.ndjson`.

    It is another file, to be read from its start, when it has another inode, is shorter than the checkpoint,
    or has no line that ends there.
    """

    def __init__(self, path: Path, wakeups: Wakeups | None = None) -> None:
        self._path = path
        self._wakeups = wakeups or Wakeups()

    async def read(self, after: Checkpoint, limit: int) -> Chunk:
        try:
            async with asyncio.timeout(READ_SECONDS):
                return await asyncio.to_thread(self._read, after, limit)
        except TimeoutError as exc:
            raise TimedOut(f"{self._path} could not be read within {READ_SECONDS:g} s") from exc

    def _read(self, after: Checkpoint, limit: int) -> Chunk:
        try:
            fd = os.open(self._path, os.O_RDONLY)
        except FileNotFoundError:
            return Chunk(lines=(), checkpoint=after)
        except OSError as exc:
            raise OrchestratorError(f"{self._path} cannot be read: {exc.strerror}") from exc
        try:
            return _chunk(fd, after, limit)
        except OSError as exc:
            raise OrchestratorError(f"{self._path} cannot be read: {exc.strerror}") from exc
        finally:
            os.close(fd)

    def changes(self) -> AsyncGenerator[None, None]:
        """Wake-ups come within a millisecond or so, and once a second whatever the file system says."""
        return self._wakeups.changes(self._path.parent)


def _chunk(fd: int, after: Checkpoint, limit: int) -> Chunk:
    inode = os.fstat(fd).st_ino
    start = after if _continues(fd, after) else Checkpoint(inode=inode)
    lines = _whole_lines(fd, start.offset, limit)
    if not lines:
        return Chunk(lines=(), checkpoint=after)
    offset = start.offset + sum(len(line) + 1 for line in lines)
    return Chunk(lines=lines, checkpoint=Checkpoint(offset=offset, inode=inode, line=start.line + len(lines)))


def _continues(fd: int, after: Checkpoint) -> bool:
    """Whether the file is still the one that was read up to the checkpoint."""
    if after.inode != os.fstat(fd).st_ino:
        return False
    return after.offset == 0 or os.pread(fd, 1, after.offset - 1) == b"\n"


def _whole_lines(fd: int, offset: int, limit: int) -> tuple[bytes, ...]:
    blocks: list[bytes] = []
    while not blocks or b"\n" not in blocks[-1]:
        block = os.pread(fd, BLOCK, offset)
        if not block:
            return ()
        blocks.append(block)
        offset += len(block)
    return tuple(b"".join(blocks).split(b"\n")[:-1][: max(limit, 0)])
