"""The one who writes the log: what codex says, what it had said meanwhile, and what the supervisor says.

It decides what is left out: threads that are nobody's conversation, and live messages that stand in
the log already.
"""

from collections.abc import Iterable
from typing import Any

from orchestrator.codex.recording import Source
from orchestrator.supervisor import backfill
from orchestrator.supervisor.index import LogIndex, Message
from orchestrator.supervisor.log import Log
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
        params = message.get("params")
        params = params if isinstance(params, dict) else {}
        thread = params.get("thread")
        if message.get("method") == "thread/started" and isinstance(thread, dict) and is_side_thread(thread):
            self._side_threads.add(str(thread.get("id")))
            return False
        if params.get("threadId") in self._side_threads or self._said_already(message):
            return False
        self._log.append(Source.LIVE, message)
        return True

    def backfill(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self._log.append(Source.BACKFILL, message)
            if (key := backfill.key(message)) is not None:
                self._backfilled.add(key)

    def close_open(self, messages: Iterable[Message]) -> None:
        """Write ends that nobody else will write."""
        for message in messages:
            self._log.append(Source.SYNTHETIC, message)

    def reveal(self, messages: Iterable[Message]) -> None:
        """Write commands that were hidden."""
        for message in messages:
            self._log.append(Source.ROLLOUT, message)

    def new_connection(self) -> None:
        """What was back-filled for an earlier one cannot come again."""
        self._backfilled.clear()

    def finish(self) -> None:
        self._log.sync()

    def _said_already(self, message: Message) -> bool:
        """A back-fill said it, or it is a question that codex repeats to a client that came back."""
        if "id" in message:
            asked = self.index.open_requests.get(message["id"])
            return asked is not None and asked.method == message.get("method")
        key = backfill.key(message)
        if key is None or key not in self._backfilled:
            return False
        self._backfilled.discard(key)
        return True
