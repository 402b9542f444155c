"""The recorder's log: numbered lines, appended whole, and the same lines on stdout.

A line is safe from the death of any process once `append` returns, because the kernel has it. It is forced to
the disk only at the supervisor's own end (`sync`): a power cut takes codex's own files of the same seconds as
well, and what they kept is back-filled. A torn last line is cut off when the log is opened.
"""

import contextlib
import os
from collections.abc import Callable, Iterator

from orchestrator.codex import recording
from orchestrator.codex.recording import Line, Source
from orchestrator.supervisor.ending import Fatal
from orchestrator.supervisor.index import LogIndex, Message

_CHUNK = 1 << 20
#: Pieces of output are most of a log and decide nothing; they are told by their first bytes.
_HEAD = 160
_PIECES = (b'Delta"', b'/delta"')


class Unwritable(ValueError):
    """A message that cannot stand in a line; `args[0]` says why."""


class Log:
    """One open log with its index. There is one writer, and this is it."""

    def __init__(self, fd: int, now: Callable[[], int], echo: Callable[[bytes], None]) -> None:
        self._fd = fd
        self._now = now
        self._echo = echo
        self.index = LogIndex()
        self._size = self._recover()

    def append(self, source: Source, message: Message) -> Line:
        """Write one line.

        Raises:
            Unwritable: the message is nested too deeply for a line.
            Fatal: the file cannot be written; an agent that is not recorded must not go on.
        """
        line = Line(n=self.index.lines + 1, t=self._now(), source=source, message=message)
        try:
            data = recording.encode(line)
        except (RecursionError, ValueError) as exc:
            raise Unwritable(str(exc)) from exc
        try:
            self._write(data)
        except OSError as exc:
            with contextlib.suppress(OSError):  # a torn line is cut off at the next start
                os.ftruncate(self._fd, self._size)
            raise Fatal(f"the recording cannot be written: {exc.strerror}") from exc
        self._size += len(data)
        self.index.observe(line)
        self._echo(data)
        return line

    def sync(self) -> None:
        os.fdatasync(self._fd)

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._fd, rest) :]

    def _recover(self) -> int:
        """Read the log into the index, cut off a torn last line, and give the size that is left."""
        whole = 0
        for data in _lines(self._fd):
            if not data.endswith(b"\n"):
                break
            whole += len(data)
            self._index(data)
        os.ftruncate(self._fd, whole)
        return whole

    def _index(self, data: bytes) -> None:
        if any(piece in data[:_HEAD] for piece in _PIECES):
            self.index.pass_over(self.index.lines + 1)
            return
        try:
            self.index.observe(recording.decode(data))
        except recording.Unreadable:
            self.index.pass_over(self.index.lines + 1)


def _lines(fd: int) -> Iterator[bytes]:
    with os.fdopen(os.dup(fd), "rb", buffering=_CHUNK) as file:
        file.seek(0)
        yield from file


class Echo:
    """Lines for the container's stdout, which never hold the recorder up: what does not fit is dropped."""

    def __init__(self, fd: int = 1) -> None:
        self._fd = fd
        self._rest = b""
        os.set_blocking(fd, False)

    def __call__(self, data: bytes) -> None:
        try:
            if self._rest:
                self._rest = self._rest[os.write(self._fd, self._rest) :]
            if not self._rest:
                self._rest = data[os.write(self._fd, data) :]
        except BlockingIOError:
            return
        except OSError:
            self._rest = b""
