"""Stores on one file, and programs that use it; all are gone at the end of a test."""

import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.store.database import SqliteEventStore

Program = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Callable[[], SqliteEventStore]]:
    """Stores on one file; all are closed at the end."""
    stores: list[SqliteEventStore] = []

    def open_one() -> SqliteEventStore:
        stores.append(SqliteEventStore(tmp_path / "events.db"))
        return stores[-1]

    yield open_one
    for store in stores:
        await store.close()


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """Python programs that are gone at the end."""
    started: list[subprocess.Popen[bytes]] = []

    def start(source: str, *args: str, limit: int | None = None) -> subprocess.Popen[bytes]:
        number = len(started)
        path = tmp_path / f"program{number}.py"
        path.write_text(source)
        argv = [sys.executable, str(path), *args]
        if limit is not None:
            argv = ["prlimit", f"--fsize={limit}", *argv]
        started.append(subprocess.Popen(argv, stdout=subprocess.PIPE, stdin=subprocess.PIPE))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=20)
