"""What the log already holds, as far as later decisions need it. Pure; built line by line.

Of a turn that is closed only its id is kept: every line of it stands before its end, so nothing of it can be
missing. The exceptions are late ends of background commands, which nobody back-fills.
"""

import shlex
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from orchestrator.codex.recording import Line, Source

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """A question of codex's that nobody has answered yet."""

    thread_id: str
    turn_id: str
    request_id: int | str
    method: str


@dataclass(slots=True)
class OpenTurn:
    """A turn that has begun and not ended: which of its items have begun, and which have ended."""

    thread_id: str
    started: set[str] = field(default_factory=set)
    completed: set[str] = field(default_factory=set)


@dataclass(slots=True)
class LogIndex:
    """The state of one log. Change it with `observe` only."""

    lines: int = 0
    last_time: int = 0
    last_method: str = ""
    boots: int = 0
    threads: list[str] = field(default_factory=list)
    open_turns: dict[str, OpenTurn] = field(default_factory=dict)
    closed_turns: set[str] = field(default_factory=set)
    open_requests: dict[int | str, OpenRequest] = field(default_factory=dict)
    commands: dict[str, Counter[int]] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)

    def observe(self, line: Line) -> None:
        self.lines, self.last_time, self.last_method = line.n, line.t, line.method
        if line.source is Source.SUPERVISOR:
            self._supervisor(line.method, line.params)
        else:
            self._codex(line)

    def pass_over(self, number: int) -> None:
        """A line that decides nothing (a piece of output); only its number counts."""
        self.lines = number

    def _supervisor(self, method: str, params: Message) -> None:
        if method == "supervisor/boot":
            self.boots += 1
        elif method == "supervisor/thread":
            self._meet(str(params.get("threadId", "")))

    def _codex(self, line: Line) -> None:
        params, thread_id = line.params, str(line.params.get("threadId") or "")
        match line.method:
            case "turn/started":
                self._open(thread_id, ident(params.get("turn")))
            case "turn/completed":
                self._close(thread_id, ident(params.get("turn")))
            case "item/started" | "item/completed":
                self._item(line, thread_id, str(params.get("turnId") or ""))
            case "serverRequest/resolved":
                self.open_requests.pop(params.get("requestId", ""), None)
            case _:
                self._request(line.message, thread_id)

    def _meet(self, thread_id: str) -> None:
        if thread_id and thread_id not in self.threads:
            self.threads.append(thread_id)

    def _open(self, thread_id: str, turn_id: str) -> OpenTurn | None:
        self._meet(thread_id)
        if not turn_id or turn_id in self.closed_turns:
            return None
        return self.open_turns.setdefault(turn_id, OpenTurn(thread_id))

    def _close(self, thread_id: str, turn_id: str) -> None:
        self._meet(thread_id)
        self.open_turns.pop(turn_id, None)
        self.closed_turns.add(turn_id)
        for request in [r for r in self.open_requests.values() if r.turn_id == turn_id]:
            del self.open_requests[request.request_id]

    def _item(self, line: Line, thread_id: str, turn_id: str) -> None:
        item = line.params.get("item")
        item = item if isinstance(item, dict) else {}
        item_id = str(item.get("id", ""))
        if line.source is Source.ROLLOUT:
            self.hidden.add(item_id)
            return
        turn = self._open(thread_id, turn_id)
        known = turn is not None and item_id in (turn.started | turn.completed)
        if item.get("type") == "commandExecution" and not known:
            counter = self.commands.setdefault(turn_id, Counter())
            counter[command_key(script_of(str(item.get("command", ""))))] += 1
        if turn is not None:
            (turn.started if line.method == "item/started" else turn.completed).add(item_id)

    def _request(self, message: Message, thread_id: str) -> None:
        request_id = message.get("id")
        if not isinstance(request_id, int | str):
            return
        turn_id = str((message.get("params") or {}).get("turnId") or "")
        method = str(message.get("method", ""))
        self.open_requests[request_id] = OpenRequest(thread_id, turn_id, request_id, method)


def ident(value: Any) -> str:
    return str(value.get("id", "")) if isinstance(value, dict) else ""


def command_key(script: str) -> int:
    """A command as a number: a log may hold very many of them."""
    return hash(script.strip())


def script_of(command: str) -> str:
    """The script inside codex's `/bin/bash -lc '…'`; anything else as it is."""
    try:
        words = shlex.split(command)
    except ValueError:
        return command
    match words:
        case [_, "-lc" | "-c", script]:
            return script
        case _:
            return command
