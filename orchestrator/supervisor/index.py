"""What the log already holds, as far as later decisions need it. Pure; built line by line.

Of a turn that is closed only its id is kept: every line of it stands before its end, so nothing of it can be
missing. The exceptions are late ends of background commands, which nobody back-fills.
"""

import shlex
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from orchestrator.codex.payload import mapping, text
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
    """The state of one log. Change it with `observe` only, which takes whatever codex may have said."""

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
    #: By thread: where the last unreadable line of its rollout begins; the earlier ones are told as well.
    unreadable: dict[str, int] = field(default_factory=dict)

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
            self._meet(text(params, "threadId"))
        elif method == "supervisor/gap" and isinstance(at := params.get("rolloutAt"), int):
            self.unreadable[text(params, "threadId")] = at

    def _codex(self, line: Line) -> None:
        params, thread_id = line.params, text(line.params, "threadId")
        match line.method:
            case "turn/started":
                self._open(thread_id, ident(params.get("turn")))
            case "turn/completed":
                self._close(thread_id, ident(params.get("turn")))
            case "item/started" | "item/completed":
                self._item(line, thread_id, text(params, "turnId"))
            case "serverRequest/resolved":
                if isinstance(request_id := params.get("requestId"), int | str):
                    self.open_requests.pop(request_id, None)
            case _:
                self._request(line, thread_id)

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
        item = mapping(line.params.get("item"))
        item_id = text(item, "id")
        if line.source is Source.ROLLOUT:
            self.hidden.add(item_id)
            return
        turn = self._open(thread_id, turn_id)
        known = turn is not None and item_id in (turn.started | turn.completed)
        if item.get("type") == "commandExecution" and not known:
            counter = self.commands.setdefault(turn_id, Counter())
            counter[command_key(script_of(text(item, "command")))] += 1
        if turn is not None:
            (turn.started if line.method == "item/started" else turn.completed).add(item_id)

    def _request(self, line: Line, thread_id: str) -> None:
        request_id = line.message.get("id")
        if not isinstance(request_id, int | str):
            return
        turn_id = text(line.params, "turnId")
        self.open_requests[request_id] = OpenRequest(thread_id, turn_id, request_id, line.method)


def ident(value: Any) -> str:
    return text(mapping(value), "id")


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
