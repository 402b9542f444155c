"""`transcript.ndjson`: the stored events of one session as lines of a file, each once.

The file's own last line says how far it is, so it can be made up for after any death. Lines are written
without a sync of their own: the store has them, and what a power failure takes is written again.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from orchestrator.core.envelope import Envelope

BLOCK = 65_536


class NdjsonTranscript:
    """The `Transcript` port. One process writes a file; a torn last line is cut off when it is opened."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last: int | None = None

    def last_seq(self) -> int:
        if self._last is None:
            self._last = _recover(self._path)
        return self._last

    def append(self, envelopes: Sequence[Envelope]) -> None:
        fresh = [e for e in envelopes if e.seq > self.last_seq()]
        if not fresh:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            file.write(b"".join(e.to_line() for e in fresh))
        self._last = fresh[-1].seq


def _recover(path: Path) -> int:
    """Cut what follows the last whole line, and return that line's seq; 0 where there is none."""
    if not path.exists():
        return 0
    with path.open("r+b") as file:
        while True:
            end, line = _last_line(file.fileno())
            os.ftruncate(file.fileno(), end)
            if not line:
                return 0
            try:
                return int(json.loads(line)["seq"])
            except (ValueError, KeyError, TypeError):
                os.ftruncate(file.fileno(), end - len(line) - 1)


def _last_line(fd: int) -> tuple[int, bytes]:
    """Where the last whole line ends, and its bytes without the newline."""
    start = os.fstat(fd).st_size
    tail = b""
    while start > 0 and tail.count(b"\n") < 2:  # noqa: PLR2004 - the newline before the line, and its own
        size = min(BLOCK, start)
        start -= size
        tail = os.pread(fd, size, start) + tail
    whole = tail[: tail.rfind(b"\n") + 1]
    line = whole[:-1].rsplit(b"\n", 1)[-1] if whole else b""
    return start + len(whole), line
