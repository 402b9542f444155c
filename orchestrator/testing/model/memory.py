"""What the server remembers: the scenario in force, what it was asked, retries, and its gates.

All of it is for people and tests. No answer depends on it but retries (`times`) and gates (`wait`).
"""

import json
import sys
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from orchestrator.testing.model.actions import ScenarioInvalid
from orchestrator.testing.model.choice import Asked
from orchestrator.testing.model.scenario import Scenario, demo, load

KEPT_REQUESTS = 200
_KEPT_ATTEMPTS = 10_000


class Gates:
    """Named gates. Opening one lets everybody at it go; where nobody is, the next one passes."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: Counter[str] = Counter()
        self._opened: Counter[str] = Counter()

    def waiting(self) -> list[str]:
        with self._changed:
            return sorted(name for name, count in self._waiting.items() if count)

    def open(self, name: str) -> None:
        with self._changed:
            self._opened[name] = max(self._waiting[name], 1)
            self._changed.notify_all()

    def pass_through(self, name: str, gone: Callable[[], bool]) -> bool:
        """Wait at the gate; False where whoever waits is `gone` meanwhile."""
        with self._changed:
            self._waiting[name] += 1
            try:
                while not self._opened[name]:
                    if gone():
                        return False
                    self._changed.wait(0.2)
                self._opened[name] -= 1
                return True
            finally:
                self._waiting[name] -= 1


class Memory:
    """Shared by the threads of the server; each method is whole in itself."""

    def __init__(
        self, scenario: Scenario | None = None, *, file: Path | None = None, log: Path | None = None
    ) -> None:
        self.gates = Gates()
        self._lock = threading.Lock()
        self._file, self._read_at = file, 0
        self._scenario = scenario or (load(file) if file else demo())
        self._log = log
        self._attempts: OrderedDict[tuple[str, int, int], int] = OrderedDict()
        self._requests: deque[dict[str, Any]] = deque(maxlen=KEPT_REQUESTS)
        self._total = 0
        if file:
            self._read_at = file.stat().st_mtime_ns

    def scenario(self) -> Scenario:
        """The one in force. A file is read again when it has changed; a broken one changes nothing."""
        with self._lock:
            if self._file and self._file.exists() and self._file.stat().st_mtime_ns != self._read_at:
                self._read_at = self._file.stat().st_mtime_ns
                try:
                    self._scenario = load(self._file)
                except ScenarioInvalid as exc:
                    sys.stderr.write(f"the scenario is left as it was: {exc}\n")
            return self._scenario

    def replace(self, scenario: Scenario) -> None:
        """Play another scenario from now on, and forget the file."""
        with self._lock:
            self._scenario, self._file = scenario, None
            self._attempts.clear()

    def attempt(self, thread: str, asked: Asked) -> int:
        """How often this very request came before: 0 for the first time."""
        key = (thread, asked.spoken, asked.step)
        with self._lock:
            attempt = self._attempts.pop(key, 0)
            self._attempts[key] = attempt + 1
            while len(self._attempts) > _KEPT_ATTEMPTS:
                self._attempts.popitem(last=False)
            return attempt

    def note(self, thread: str, asked: Asked, body: Mapping[str, Any]) -> None:
        """Remember a request, and write it to the log."""
        with self._lock:
            self._total += 1
            entry = {
                "n": self._total,
                "at": round(time.time(), 3),
                "thread": thread,
                "title": asked.for_title,
                "user": asked.user,
                "step": asked.step,
                "body": body,
            }
            self._requests.append(entry)
            if self._log:
                with self._log.open("a", encoding="utf-8") as log:
                    log.write(json.dumps(entry, ensure_ascii=False) + "\n")

    def requests(self) -> dict[str, Any]:
        """The last requests, and how many there were in all."""
        with self._lock:
            return {"total": self._total, "requests": list(self._requests)}

    def health(self) -> dict[str, Any]:
        with self._lock:
            total = self._total
        return {"ok": True, "requests": total, "waiting": self.gates.waiting()}
