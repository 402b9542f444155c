"""The supervisor's own word about a session, taken from its status file whatever state that is in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.core.errors import OrchestratorError
from orchestrator.core.session import Session
from orchestrator.sessions.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervised:
    """What of the file can be used; `fault` says why the rest cannot."""

    boot: int = 0
    phase: str = ""
    reason: str = ""
    thread_id: str = ""
    updated_at: str = ""
    walls: Mapping[str, Any] = field(default_factory=dict)
    #: The parts that do not answer, each with the time since when.
    silent: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""


def supervised(world: World, session: Session) -> Supervised:
    """The status file of one session; one that cannot be read is that session's trouble alone."""
    try:
        said = world.folders.status(session)
    except OrchestratorError as exc:
        return Supervised(fault=exc.message)
    boot, walls, silent = said.get("boot", 0), said.get("walls", {}), said.get("silent", {})
    fit = isinstance(boot, int) and isinstance(walls, dict) and isinstance(silent, dict)
    return Supervised(
        boot=boot if isinstance(boot, int) else 0,
        phase=_text(said.get("phase")),
        reason=_text(said.get("reason")),
        thread_id=_text(said.get("thread_id")),
        updated_at=_text(said.get("updated_at")),
        walls=walls if isinstance(walls, dict) else {},
        silent={part: _text(since) for part, since in silent.items()} if isinstance(silent, dict) else {},
        fault="" if fit else "its status file holds values that no supervisor writes",
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
