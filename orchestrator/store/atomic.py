"""Replacing a file so that a reader, also one after a crash, sees the old one or the new one, whole."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.core.errors import OrchestratorError, StoreUnwritable


@contextmanager
def writing(what: object) -> Iterator[None]:
    """Any failure of the file system inside is a `StoreUnwritable` that names the file."""
    try:
        yield
    except OrchestratorError:
        raise
    except OSError as exc:
        raise StoreUnwritable(
            f"{exc.filename or what} cannot be written: {exc.strerror or exc}",
            hint="look at the disk's free space and at the folder's owner and mode",
        ) from exc


def replace(path: Path, data: bytes, *, mode: int = 0o600, uid: int | None = None) -> None:
    """Write a temporary file beside it, sync it, rename it over, and sync the folder.

    `uid` gives the file to that user and its group; only root can do that for another.

    Raises:
        StoreUnwritable: the old file, or none, is still there.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with writing(path):
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(data)
                file.flush()
                os.fchmod(file.fileno(), mode)
                if uid is not None and uid != os.geteuid():
                    os.fchown(file.fileno(), uid, uid)
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
