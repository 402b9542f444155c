"""The envelope: one line of a session's history, as stored, streamed and written to the transcript."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

SCHEMA = 1


class Direction(StrEnum):
    """Seen from the agent."""

    IN = "in"
    OUT = "out"
    SYSTEM = "system"


def timestamp(microseconds: int) -> str:
    """RFC 3339 in UTC with six decimals, from microseconds since the epoch."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{rest:06d}Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An event before the store has given it a place: what happened, when, in which session."""

    timestamp: str
    type: str
    direction: Direction
    sender: str = ""
    to: str = ""
    turn_id: str = ""
    item_id: str = ""
    requires_operator: bool = False
    tags: tuple[str, ...] = ()
    text: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A draft with its place: `seq` is per session, from 1, without holes."""

    seq: int
    session_id: str
    role: str
    branch: str
    draft: Draft

    def to_json(self) -> dict[str, Any]:
        """The fields in their documented order; `from` is the draft's sender."""
        draft = self.draft
        return {
            "schema": SCHEMA,
            "seq": self.seq,
            "timestamp": draft.timestamp,
            "session_id": self.session_id,
            "role": self.role,
            "branch": self.branch,
            "direction": draft.direction.value,
            "from": draft.sender,
            "to": draft.to,
            "type": draft.type,
            "turn_id": draft.turn_id,
            "item_id": draft.item_id,
            "requires_operator": draft.requires_operator,
            "tags": list(draft.tags),
            "text": draft.text,
            "data": dict(draft.data),
        }

    def to_line(self) -> bytes:
        """One line of JSON; halves of characters, which UTF-8 cannot hold, become `?`."""
        text = json.dumps(self.to_json(), ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace") + b"\n"

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Envelope":
        """The inverse of `to_json`; KeyError or ValueError on anything else."""
        draft = Draft(
            timestamp=value["timestamp"],
            type=value["type"],
            direction=Direction(value["direction"]),
            sender=value["from"],
            to=value["to"],
            turn_id=value["turn_id"],
            item_id=value["item_id"],
            requires_operator=value["requires_operator"],
            tags=tuple(value["tags"]),
            text=value["text"],
            data=value["data"],
        )
        return cls(
            seq=value["seq"],
            session_id=value["session_id"],
            role=value["role"],
            branch=value["branch"],
            draft=draft,
        )


def tagged(draft: Draft, *tags: str) -> Draft:
    return replace(draft, tags=(*draft.tags, *tags))
