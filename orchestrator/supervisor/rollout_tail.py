"""Reads the rollouts of the session's threads as they grow, and finds in them what the events hide.

The files are the agent's: they are opened as the agent, must be plain files, and are read in bounded pieces.
Nothing in them ends the reading: a line that cannot be read is told as a gap, and what follows it is read.
"""

import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field

from orchestrator.supervisor.index import LogIndex, Message
from orchestrator.supervisor.privileges import Agent
from orchestrator.supervisor.rollout import Call, Calls, Judge

_CHUNK = 1 << 20
_CHUNKS_A_STEP = 16
_LONGEST_LINE = 16 << 20
_LONGEST_REASON = 200
#: Of the unreadable lines of one step so many are told singly; one more gap tells of all the others.
_GAPS_A_STEP = 16
#: Only lines with one of these can matter; the others are not even parsed.
_MARKS = (b'"custom_tool_call', b'"function_call')
_LOST = ["commands that codex hides"]


@dataclass(frozen=True, slots=True)
class Found:
    """Items of hidden commands, and the parameters of gaps."""

    hidden: list[Message] = field(default_factory=list)
    gaps: list[Message] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A line of a rollout: the byte that it begins at, and why it cannot be read."""

    at: int
    why: str


@dataclass(slots=True)
class _Tail:
    path: str
    judge: Judge
    calls: Calls = field(default_factory=Calls)
    #: What was read of the file; `rest` are its last bytes, which are no whole line yet.
    offset: int = 0
    rest: bytes = b""
    #: The line that is being read was too long, and is passed over to its end.
    skipping: bool = False
    finished: list[Call] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)


class Rollouts:
    """The rollouts that are watched, each from its beginning: what is known already is not reported again."""

    def __init__(self, agent: Agent, cwd: str) -> None:
        self._agent = agent
        self._cwd = cwd
        self._tails: dict[str, _Tail] = {}

    def knows(self, thread_id: str) -> bool:
        return thread_id in self._tails

    def add(self, thread_id: str, path: str) -> None:
        if path and not self.knows(thread_id):
            self._tails[thread_id] = _Tail(path, Judge(thread_id, self._cwd))

    def step(self, index: LogIndex) -> Found:
        """Judge the calls that the last step found, and look for new ones.

        A call waits one step because the log may hear of its commands a moment after the rollout does.
        """
        found = Found()
        for thread_id, tail in self._tails.items():
            calls, tail.finished = tail.finished, []
            for call in calls:
                found.hidden.extend(tail.judge.hidden(index, call))
            self._read(tail)
            bad, tail.unreadable = tail.unreadable, []
            told = index.unreadable.get(thread_id, -1)
            found.gaps.extend(_gaps(thread_id, [line for line in bad if line.at > told]))
        return found

    def _read(self, tail: _Tail) -> None:
        try:
            with self._agent.borrowed():
                fd = os.open(tail.path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        except (OSError, ValueError):
            return  # not written yet, taken away by the agent, or no path at all: there is nothing to read
        try:
            if stat.S_ISREG(os.fstat(fd).st_mode):
                for _ in range(_CHUNKS_A_STEP):
                    data = os.pread(fd, _CHUNK, tail.offset)
                    _take(tail, data)
                    if len(data) < _CHUNK:
                        break
        except OSError as exc:
            tail.unreadable.append(Unreadable(tail.offset - len(tail.rest), _words(exc)))
        finally:
            os.close(fd)


def _take(tail: _Tail, data: bytes) -> None:
    """Everything that these next bytes of the file finish."""
    at = tail.offset - len(tail.rest)
    tail.offset += len(data)
    *lines, tail.rest = (tail.rest + data).split(b"\n")
    for line in lines:
        if tail.skipping:
            tail.skipping = False
        elif any(mark in line for mark in _MARKS):
            _line(tail, at, line)
        at += len(line) + 1
    if len(tail.rest) > _LONGEST_LINE and not tail.skipping:
        tail.skipping = True
        tail.unreadable.append(Unreadable(at, f"it is longer than {_LONGEST_LINE:,} bytes"))
    if tail.skipping:
        tail.rest = b""


def _line(tail: _Tail, at: int, line: bytes) -> None:
    try:
        record = json.loads(line)
        call = tail.calls.observe(record) if isinstance(record, dict) else None
    except Exception as exc:  # noqa: BLE001 - the agent writes these lines: whatever one does, it is told as a gap
        tail.unreadable.append(Unreadable(at, _words(exc)))
        return
    if call is not None:
        tail.finished.append(call)


def _gaps(thread_id: str, lines: list[Unreadable]) -> Iterator[Message]:
    for line in lines[:_GAPS_A_STEP]:
        yield _gap(thread_id, line.at, f"a line of {thread_id}'s rollout cannot be read: {line.why}")
    if rest := lines[_GAPS_A_STEP:]:
        yield _gap(thread_id, rest[-1].at, f"{len(rest)} more lines of {thread_id}'s rollout cannot be read")


def _gap(thread_id: str, at: int, why: str) -> Message:
    return {"why": why, "lost": _LOST, "threadId": thread_id, "rolloutAt": at}


def _words(exc: Exception) -> str:
    return f"{type(exc).__name__}: {exc}"[:_LONGEST_REASON]
