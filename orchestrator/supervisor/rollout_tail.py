"""Reads the rollouts of the session's threads as they grow, and finds in them what the events hide.

The files are the agent's: they are opened as the agent, must be plain files, and are read in bounded pieces.
"""

import json
import os
import stat
from dataclasses import dataclass, field

from orchestrator.supervisor.index import LogIndex, Message
from orchestrator.supervisor.privileges import Agent
from orchestrator.supervisor.rollout import Call, Calls, Judge

_CHUNK = 1 << 20
_CHUNKS_A_STEP = 16
_LONGEST_LINE = 16 << 20
#: Only lines with one of these can matter; the others are not even parsed.
_MARKS = (b'"custom_tool_call', b'"function_call')


@dataclass(slots=True)
class _Tail:
    path: str
    judge: Judge
    calls: Calls = field(default_factory=Calls)
    offset: int = 0
    rest: bytes = b""
    finished: list[Call] = field(default_factory=list)


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

    def step(self, index: LogIndex) -> list[Message]:
        """Judge the calls that the last step found, and look for new ones.

        A call waits one step because the log may hear of its commands a moment after the rollout does.
        """
        found: list[Message] = []
        for tail in self._tails.values():
            calls, tail.finished = tail.finished, []
            for call in calls:
                found += tail.judge.hidden(index, call)
            self._read(tail)
        return found

    def _read(self, tail: _Tail) -> None:
        try:
            with self._agent.borrowed():
                fd = os.open(tail.path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return  # not written yet, or taken away by the agent: there is nothing to read
        try:
            if stat.S_ISREG(os.fstat(fd).st_mode):
                for _ in range(_CHUNKS_A_STEP):
                    data = os.pread(fd, _CHUNK, tail.offset)
                    self._take(tail, data)
                    if len(data) < _CHUNK:
                        break
        finally:
            os.close(fd)

    def _take(self, tail: _Tail, data: bytes) -> None:
        tail.offset += len(data)
        *lines, rest = (tail.rest + data).split(b"\n")
        tail.rest = rest if len(rest) <= _LONGEST_LINE else b""
        for line in lines:
            if any(mark in line for mark in _MARKS) and (call := _call(tail, line)) is not None:
                tail.finished.append(call)


def _call(tail: _Tail, line: bytes) -> Call | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return tail.calls.observe(record) if isinstance(record, dict) else None
