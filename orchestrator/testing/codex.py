"""The in-memory twin of `core.ports.Codex`: threads and turns without a codex.

What a recorder would have written of them goes to a sink, line by line, in the recording's own form. By
default each turn ends at once; with `manual=True` it runs until somebody ends it.
"""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from orchestrator.codex.recording import Line, Source, encode
from orchestrator.core.errors import CodexRefused, OrchestratorError
from orchestrator.core.ports import ThreadStatus

WINDOW = 258_400
_REFUSED = -32600


@dataclass(slots=True)
class _Turn:
    turn_id: str
    began: int
    messages: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Thread:
    kind: str = "idle"
    flags: tuple[str, ...] = ()
    turn: _Turn | None = None
    tokens: int = 0


def _dry(text: str) -> str:
    return f"dry run: {text}"


def _new_id() -> str:
    return str(uuid.uuid4())


def _microseconds() -> int:
    return time.time_ns() // 1000


class MemoryCodex:
    """Knows the threads that were opened with `open_thread`; `sink` gets each line of the recording.

    `next_failure` is raised once by the next command. `cleaned` counts the calls of `clean_terminals`.
    """

    def __init__(
        self,
        sink: Callable[[bytes], None],
        *,
        manual: bool = False,
        answer: Callable[[str], str] = _dry,
        now: Callable[[], int] = _microseconds,
        new_id: Callable[[], str] = _new_id,
        first_line: int = 1,
    ) -> None:
        self.next_failure: OrchestratorError | None = None
        self.cleaned = 0
        self.closed = False
        self._sink = sink
        self._manual = manual
        self._answer = answer
        self._now = now
        self._new_id = new_id
        self._next_line = first_line
        self._threads: dict[str, _Thread] = {}

    def open_thread(self, thread_id: str, *, how: str = "started") -> None:
        """Know a thread, and say so as the supervisor does: `started`, `resumed` or `followed`."""
        self._threads[thread_id] = _Thread()
        here = {"threadId": thread_id}
        self._write("supervisor/thread", {**here, "how": how}, Source.SUPERVISOR)
        self._write("supervisor/subscribed", {**here, "status": {"type": "idle"}}, Source.SUPERVISOR)
        self._write("supervisor/ready", here, Source.SUPERVISOR)

    async def status(self, thread_id: str) -> ThreadStatus:
        self._fail()
        thread = self._known(thread_id)
        turn_id = thread.turn.turn_id if thread.turn else ""
        return ThreadStatus(kind=thread.kind, flags=thread.flags, turn_id=turn_id)

    async def start_turn(self, thread_id: str, text: str, message_id: str) -> str:
        """The turn that took the message; as with codex, a running one takes it in."""
        self._fail()
        return self._take(thread_id, text, message_id)

    async def steer(self, thread_id: str, turn_id: str, text: str, message_id: str) -> str:
        self._fail()
        turn = self._known(thread_id).turn
        if turn is None:
            raise CodexRefused("no active turn to steer", rpc_code=_REFUSED)
        if turn.turn_id != turn_id:
            words = f"expected active turn id `{turn_id}` but found `{turn.turn_id}`"
            raise CodexRefused(words, rpc_code=_REFUSED)
        return self._take(thread_id, text, message_id)

    async def interrupt(self, thread_id: str, turn_id: str) -> None:
        """End the turn; one that does not run is left in peace."""
        self._fail()
        turn = self._known(thread_id).turn
        if turn is not None and turn.turn_id == turn_id:
            self._end(thread_id, "interrupted", "")

    async def clean_terminals(self, thread_id: str) -> None:
        self._fail()
        self._known(thread_id)
        self.cleaned += 1

    async def close(self) -> None:
        self.closed = True

    def typed(self, thread_id: str, text: str) -> None:
        """A message that came by the screen, which gives it an id of its own."""
        self._take(thread_id, text, self._new_id())

    def complete(self, thread_id: str, answer: str | None = None, *, status: str = "completed") -> None:
        """End the running turn of a manual twin; the answer is made from its last message if none is given.

        Raises:
            LookupError: no turn runs.
        """
        turn = self._known(thread_id).turn
        if turn is None:
            raise LookupError(f"no turn runs in {thread_id}")
        said = self._answer(turn.messages[-1]) if answer is None else answer
        self._end(thread_id, status, said if status == "completed" else "")

    def wait_for(self, thread_id: str, *flags: str) -> None:
        """Let the running turn wait on somebody (`waitingOnApproval`, …), or go on where no flag is given."""
        self._change(thread_id, "active", flags)

    def _take(self, thread_id: str, text: str, client_id: str) -> str:
        thread = self._known(thread_id)
        turn = thread.turn or self._begin(thread_id, thread)
        turn.messages.append(text)
        content = [{"type": "text", "text": text, "text_elements": []}]
        self._item(thread_id, turn, {"type": "userMessage", "clientId": client_id, "content": content})
        if not self._manual:
            self._end(thread_id, "completed", self._answer(text))
        return turn.turn_id

    def _begin(self, thread_id: str, thread: _Thread) -> _Turn:
        turn = thread.turn = _Turn(self._new_id(), self._now())
        self._change(thread_id, "active", ())
        self._write("turn/started", {"threadId": thread_id, "turn": self._told(turn, "inProgress")})
        return turn

    def _end(self, thread_id: str, status: str, answer: str) -> None:
        thread = self._known(thread_id)
        turn, thread.turn = thread.turn, None
        assert turn is not None  # noqa: S101 - every caller looked
        items = []
        if answer:
            message = {"type": "agentMessage", "text": answer, "phase": "final_answer"}
            items = [self._item(thread_id, turn, message)]
            self._count(thread_id, turn)
        self._change(thread_id, "systemError" if status == "failed" else "idle", ())
        told = {**self._told(turn, status), "items": items, "itemsView": "summary"}
        self._write("turn/completed", {"threadId": thread_id, "turn": told})

    def _item(self, thread_id: str, turn: _Turn, item: dict[str, Any]) -> dict[str, Any]:
        item = {"id": self._new_id(), **item}
        where = {"item": item, "threadId": thread_id, "turnId": turn.turn_id}
        for when in ("started", "completed"):
            self._write(f"item/{when}", {**where, f"{when}AtMs": self._now() // 1000})
        return item

    def _count(self, thread_id: str, turn: _Turn) -> None:
        thread = self._known(thread_id)
        last = _usage(sum(map(len, turn.messages)))
        thread.tokens += last["inputTokens"]
        usage = {"total": _usage(thread.tokens), "last": last, "modelContextWindow": WINDOW}
        where = {"threadId": thread_id, "turnId": turn.turn_id}
        self._write("thread/tokenUsage/updated", {**where, "tokenUsage": usage})

    def _change(self, thread_id: str, kind: str, flags: tuple[str, ...]) -> None:
        thread = self._known(thread_id)
        thread.kind, thread.flags = kind, flags
        active = {"activeFlags": list(flags)} if kind == "active" else {}
        self._write("thread/status/changed", {"threadId": thread_id, "status": {"type": kind, **active}})

    def _told(self, turn: _Turn, status: str) -> dict[str, Any]:
        ended = None if status == "inProgress" else self._now()
        return {
            "id": turn.turn_id,
            "rootTurnId": turn.turn_id,
            "items": [],
            "itemsView": "notLoaded",
            "status": status,
            "error": {"message": "dry run: failed"} if status == "failed" else None,
            "startedAt": turn.began // 1_000_000,
            "completedAt": ended and ended // 1_000_000,
            "durationMs": ended and (ended - turn.began) // 1000,
        }

    def _known(self, thread_id: str) -> _Thread:
        if thread_id not in self._threads:
            raise CodexRefused(f"no rollout found for thread id {thread_id}", rpc_code=_REFUSED)
        return self._threads[thread_id]

    def _fail(self) -> None:
        failure, self.next_failure = self.next_failure, None
        if failure is not None:
            raise failure

    def _write(self, method: str, params: dict[str, Any], source: Source = Source.LIVE) -> None:
        message = {"method": method, "params": params}
        self._sink(encode(Line(n=self._next_line, t=self._now(), source=source, message=message)))
        self._next_line += 1


def _usage(characters: int) -> dict[str, int]:
    """Token counts that grow with what was said; nobody was paid for them."""
    return {
        "totalTokens": characters,
        "inputTokens": characters,
        "cachedInputTokens": 0,
        "cacheWriteInputTokens": 0,
        "outputTokens": 0,
        "reasoningOutputTokens": 0,
    }
