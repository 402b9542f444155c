"""The recorder's log as the collector reads it: whole lines from a checkpoint on, and wake-ups."""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import anyio
import anyio.to_thread
from watchfiles import awatch
from watchfiles._rust_notify import WatchfilesRustInternalError

from orchestrator.core.errors import OrchestratorError, TimedOut
from orchestrator.core.ports import Checkpoint, Chunk

BLOCK = 1 << 20
READ_SECONDS = 30.0
STEP_MS = 10
DEBOUNCE_MS = 20
LOOK_ANYWAY_SECONDS = 1.0
#: Where the kernel has no more watches to give.
LOOK_WITHOUT_WATCH_SECONDS = 0.1


class FileRecording:
    """The `Recording` port on `codex.ndjson`.

    It is another file, to be read from its start, when it has another inode, is shorter than the checkpoint,
    or has no line that ends there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

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

    async def changes(self) -> AsyncGenerator[None, None]:
        """Wake-ups come within some tens of milliseconds, and once a second whatever the file system says."""
        yield None
        while True:
            if not self._path.parent.is_dir():
                await asyncio.sleep(LOOK_ANYWAY_SECONDS)
                yield None
                continue
            try:
                async with aclosing(_watch(self._path.parent)) as changes:
                    async for _ in changes:
                        yield None
            except (OSError, WatchfilesRustInternalError):  # the folder went, or this user has no watch left
                await asyncio.sleep(LOOK_WITHOUT_WATCH_SECONDS)
                yield None


async def _watch(folder: Path) -> AsyncGenerator[None, None]:
    """Each watch holds a thread of the pool that the API's own threads come from, so it adds one to it."""
    threads = anyio.to_thread.current_default_thread_limiter()
    threads.total_tokens += 1
    try:
        async for _ in awatch(
            folder,
            watch_filter=None,
            step=STEP_MS,
            debounce=DEBOUNCE_MS,
            rust_timeout=int(LOOK_ANYWAY_SECONDS * 1000),
            yield_on_timeout=True,
            recursive=False,
        ):
            yield None
    finally:
        threads.total_tokens -= 1


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
