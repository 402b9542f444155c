"""One daemon a data directory: a file lock that the kernel releases with the process, and a notice."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from orchestrator.core.errors import DataDirectoryBusy
from orchestrator.daemon.home import DaemonRecord, daemon_directory, lock_path, record_path


@contextmanager
def lease(home: Path) -> Iterator[None]:
    """Hold the data directory while the block runs.

    Raises:
        DataDirectoryBusy: another daemon holds it.
    """
    daemon_directory(home).mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = FileLock(lock_path(home))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise DataDirectoryBusy(f"another daemon serves {home}") from None
    try:
        yield
    finally:
        lock.release()


def announce(home: Path, record: DaemonRecord) -> None:
    """Write, atomically, where the daemon listens and who it is."""
    path = record_path(home)
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.write_text(record.to_json())
    temporary.replace(path)


def withdraw(home: Path) -> None:
    record_path(home).unlink(missing_ok=True)
