"""`status.json`: what the supervisor says of itself, rewritten at each change. Nobody inside reads it."""

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import Any

from orchestrator.core import places
from orchestrator.core.envelope import timestamp
from orchestrator.supervisor.ending import Fatal
from orchestrator.supervisor.private import PrivateFolder

SCHEMA = 1


class Phase(StrEnum):
    """Where the supervisor is in its life."""

    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """All that the file says but its schema, its time and our pid."""

    phase: Phase = Phase.STARTING
    reason: str = ""
    boot: int = 0
    thread_id: str = ""
    app_server_pid: int = 0
    tmux: str = ""
    codex_version: str = ""
    app_server_started_at: str = ""
    tui_started_at: str = ""
    policy: dict[str, str] = field(default_factory=dict)
    walls: dict[str, Any] = field(default_factory=dict)
    #: Parts that live and do not answer, each with the time since when that is known.
    silent: dict[str, str] = field(default_factory=dict)


class StatusBoard:
    """The current status and its file."""

    def __init__(self, folder: PrivateFolder, now: Callable[[], int]) -> None:
        self._folder = folder
        self._now = now
        self.current = Status()

    def remember(self) -> None:
        """Take over what the last life left, for one that ends before it begins."""
        try:
            left = self._folder.read_json(places.STATUS_FILE) or {}
        except ValueError:
            return
        known = {item.name for item in fields(Status)}
        self.current = Status(**{name: value for name, value in left.items() if name in known})

    def update(self, **changes: Any) -> None:
        """Raises `Fatal` where the file cannot be written: the recording beside it could not be either."""
        self.current = replace(self.current, **changes)
        value = {"schema": SCHEMA, **asdict(self.current), "pid": os.getpid(), "updated_at": self.time()}
        try:
            self._folder.write_json(places.STATUS_FILE, value)
        except OSError as exc:
            raise Fatal(f"status.json cannot be written: {exc.strerror}") from exc

    def time(self) -> str:
        return timestamp(self._now())
