"""`transcript.ndjson`: the stored events of one session as lines of a file, each once.

The file's own last line says how far it is, so it can be made up for after any death. Lines are written
without a sync of their own: the store has them, and what a power failure takes is written again. Only the
owner may read it, as with the database.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from orchestrator.core.envelope import Envelope
from orchestrator.store import atomic

BLOCK = 65_536


class NdjsonTranscript:
    """The `Transcript` port. A torn last line is cut off when it is opened.

    A file that another hand has changed, cut or removed since is looked at anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = 0
        self._size = -1

    def last_seq(self) -> int:
        with atomic.writing(self._path):
            if _size(self._path) != self._size:
                self._last = _recover(self._path)
                self._size = _size(self._path)
        return self._last

    def append(self, envelopes: Sequence[Envelope]) -> None:
        """Write those that are not there yet.

        Raises:
            StoreUnwritable: what came of them into the file is cut to whole lines at the next use.
        """
        last = self.last_seq()
        fresh = [e for e in envelopes if e.seq > last]
        if not fresh:
            return
        with atomic.writing(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch(mode=0o600)
            with open(self._path, "ab", opener=_for_the_owner) as file:
                file.write(b"".join(e.to_line() for e in fresh))
                size = file.tell()
        self._last, self._size = fresh[-1].seq, size

    def set_aside(self) -> str:
        number = 1
        while (aside := self._path.with_name(f"{self._path.name}.aside-{number}")).exists():
            number += 1
        with atomic.writing(self._path):
            self._path.rename(aside)
            atomic.sync_folder(self._path.parent)
        self._size = -1
        return str(aside)


def _for_the_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _recover(path: Path) -> int:
    """Cut what follows the last whole line, and return that line's seq; 0 where there is none."""
    if not path.exists():
        return 0
    with path.open("r+b", buffering=0) as file:
        while True:
            end, line = _last_line(file.fileno())
            os.ftruncate(file.fileno(), end)
            if end == 0:
                return 0
            seq = _seq(line)
            if seq:
                return seq
            os.ftruncate(file.fileno(), end - len(line) - 1)


def _seq(line: bytes) -> int:
    """The seq of a line; 0 where it is none of ours."""
    try:
        seq = json.loads(line)["seq"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return 0
    return seq if isinstance(seq, int) and seq > 0 else 0


def _last_line(fd: int) -> tuple[int, bytes]:
    """Where the last whole line ends, and its bytes without the newline; 0 where there is none."""
    start = os.fstat(fd).st_size
    tail = b""
    while start > 0 and tail.count(b"\n") < 2:  # noqa: PLR2004 - the newline before the line, and its own
        size = min(BLOCK, start)
        start -= size
        tail = os.pread(fd, size, start) + tail
    whole = tail[: tail.rfind(b"\n") + 1]
    if not whole:
        return 0, b""
    return start + len(whole), whole[:-1].rsplit(b"\n", 1)[-1]
