"""What one turn came to, read off its events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.codex import tokens
from orchestrator.core.envelope import Draft
from orchestrator.core.events import Event

RUNNING = "inProgress"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A turn's result; `status` is codex's: inProgress, completed, interrupted or failed.

    `tokens` counts this turn alone, but for the fields of the context; `files` are relative to the workspace.
    """

    turn_id: str
    status: str = RUNNING
    answer: str = ""
    tokens: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    duration_ms: int | None = None
    error: Mapping[str, Any] | None = None

    @property
    def over(self) -> bool:
        return self.status != RUNNING

    def to_json(self) -> dict[str, Any]:
        """The fields in their documented order."""
        return {
            "turn_id": self.turn_id,
            "status": self.status,
            "answer": self.answer,
            "tokens": dict(self.tokens),
            "files": list(self.files),
            "duration_ms": self.duration_ms,
            "error": self.error,
        }


def outcome(drafts: Sequence[Draft], turn_id: str) -> Outcome:
    """The result of that turn so far; drafts of other turns may lie between its own."""
    mine = [draft for draft in drafts if draft.turn_id == turn_id]
    end = _end(mine)
    ended: Mapping[str, Any] = end.data if end else {}
    return Outcome(
        turn_id=turn_id,
        status=ended.get("status") or RUNNING,
        answer=ended.get("answer") or _last_message(mine),
        tokens=_spent(mine),
        files=_files(mine),
        duration_ms=ended.get("duration_ms"),
        error=ended.get("error"),
    )


def _end(mine: Sequence[Draft]) -> Draft | None:
    """The last end that codex told; a synthetic one only where there is no other."""
    ends = [draft for draft in mine if draft.type == Event.TURN_COMPLETED]
    told = [draft for draft in ends if "synthetic" not in draft.tags]
    return next(iter([*reversed(told), *reversed(ends)]), None)


def _last_message(mine: Sequence[Draft]) -> str:
    said = (
        d for d in reversed(mine) if d.type == Event.AGENT_MESSAGE and d.data.get("phase") != "commentary"
    )
    return next((draft.text for draft in said), "")


def _spent(mine: Sequence[Draft]) -> dict[str, Any]:
    usages = [draft.data for draft in mine if draft.type == Event.TOKEN_USAGE]
    return tokens.spent(usages[0], usages[-1]) if usages else {}


def _files(mine: Sequence[Draft]) -> tuple[str, ...]:
    """What the turn's own changes and its last diff name, each once."""
    changed = [
        path
        for draft in mine
        if draft.type == Event.FILE_CHANGE_COMPLETED and draft.data.get("status") == "completed"
        for path in draft.data.get("paths", ())
    ]
    diffs = [draft.data.get("files", ()) for draft in mine if draft.type == Event.TURN_DIFF]
    return tuple(dict.fromkeys([*changed, *(diffs[-1] if diffs else ())]))
