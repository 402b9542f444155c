"""The one who writes the log: what codex says, what it had said meanwhile, and what the supervisor says.

It decides what is left out: threads that are nobody's conversation, and live messages that stand in
the log already.
"""

from collections.abc import Iterable
from typing import Any

from orchestrator.codex.payload import mapping, text
from orchestrator.codex.recording import Source
from orchestrator.supervisor import backfill
from orchestrator.supervisor.index import LogIndex, Message, ident
from orchestrator.supervisor.log import Log, Unwritable
from orchestrator.supervisor.thread import is_side_thread


class Recorder:
    """Writes to one log."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._side_threads: set[str] = set()
        self._backfilled: set[tuple[str, str]] = set()

    @property
    def index(self) -> LogIndex:
        return self._log.index

    def say(self, what: str, /, **params: Any) -> None:
        """The supervisor's own word."""
        self._log.append(Source.SUPERVISOR, {"method": f"supervisor/{what}", "params": params})

    def hear(self, message: Message) -> bool:
        """Write what codex just said; whether it was written."""
        params = mapping(message.get("params"))
        thread = mapping(params.get("thread"))
        if message.get("method") == "thread/started" and ident(thread) and is_side_thread(thread):
            self._side_threads.add(ident(thread))
            return False
        if text(params, "threadId") in self._side_threads or self._said_already(message):
            return False
        return self._write(Source.LIVE, message)

    def backfill(self, messages: Iterable[Message]) -> None:
        for message in messages:
            if self._write(Source.BACKFILL, message):
                self._backfilled |= backfill.settled(message)

    def close_open(self, messages: Iterable[Message]) -> None:
        """Write ends that nobody else will write."""
        for message in messages:
            self._log.append(Source.SYNTHETIC, message)

    def reveal(self, messages: Iterable[Message]) -> None:
        """Write commands that were hidden."""
        for message in messages:
            self._log.append(Source.ROLLOUT, message)

    def _write(self, source: Source, message: Message) -> bool:
        """Whether it could be written; what cannot stand in a line is told as a gap."""
        try:
            self._log.append(source, message)
        except Unwritable as exc:
            method = text(message, "method")
            self.say("gap", why=f"codex's {method} cannot be written down: {exc}", lost=[method])
            return False
        return True

    def new_connection(self) -> None:
        """What was back-filled for an earlier one cannot come again."""
        self._backfilled.clear()

    def finish(self) -> None:
        self._log.sync()

    def _said_already(self, message: Message) -> bool:
        """A back-fill said it, or it is a question that codex repeats to a client that came back."""
        if isinstance(request_id := message.get("id"), int | str):
            asked = self.index.open_requests.get(request_id)
            return asked is not None and asked.method == message.get("method")
        key = backfill.key(message)
        if key is None or key not in self._backfilled:
            return False
        self._backfilled.discard(key)
        return True
