"""Tmux's control mode, bytes in, events out: blocks that answer commands, and notifications between them.

It knows nothing of what was asked; `channel` does the asking. A block carries the number of its command
and whether a command of this very client caused it: attaching, for one, answers with a stray block.
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The whole answer to one command; `ours` when this client sent it as a line."""

    number: int
    ours: bool
    ok: bool
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """Something that tmux says unasked, such as `exit`."""

    name: str
    text: str


Event = Block | Notification


class ControlParser:
    """Feed it what the client printed, in pieces of any size."""

    def __init__(self) -> None:
        self._torn = b""
        self._guard = b""
        self._lines: list[str] = []

    def feed(self, data: bytes) -> list[Event]:
        *whole, self._torn = (self._torn + data).split(b"\n")
        return [event for line in whole for event in self._line(line)]

    def _line(self, line: bytes) -> Iterator[Event]:
        mark, _, guard = line.partition(b" ")
        if self._guard:
            if mark in {b"%end", b"%error"} and guard == self._guard:
                yield self._block(ok=mark == b"%end")
            else:
                self._lines.append(line.decode(errors="replace"))
        elif mark == b"%begin" and _is_guard(guard):
            self._guard = guard
        elif mark.startswith(b"%"):
            yield Notification(name=mark[1:].decode(errors="replace"), text=guard.decode(errors="replace"))

    def _block(self, *, ok: bool) -> Block:
        _, number, flags = self._guard.split()
        lines, self._lines, self._guard = tuple(self._lines), [], b""
        return Block(number=int(number), ours=int(flags) & 1 == 1, ok=ok, lines=lines)


def _is_guard(words: bytes) -> bool:
    """`time number flags`; the same three words end the block, so its lines may look like anything."""
    parts = words.split(b" ")
    return len(parts) == 3 and all(part.isdigit() for part in parts)  # noqa: PLR2004 - the three words
