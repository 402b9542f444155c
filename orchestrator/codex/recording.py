"""One line of the recorder's log: written inside the container, read outside, schema version 1.

The message has the app-server's own shape (`method`, `params`, for a server request also `id`). What the
supervisor itself has to say is a message too, with a method of its own under `supervisor/`.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

VERSION = 1


class Source(StrEnum):
    """Where a line comes from."""

    LIVE = "live"
    BACKFILL = "backfill"
    ROLLOUT = "rollout"
    SYNTHETIC = "synthetic"
    SUPERVISOR = "supervisor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """`n` counts from 1 without holes; `t` is microseconds since the epoch, when it was written."""

    n: int
    t: int
    source: Source
    message: dict[str, Any]

    @property
    def method(self) -> str:
        return str(self.message.get("method", ""))

    @property
    def params(self) -> dict[str, Any]:
        params = self.message.get("params")
        return params if isinstance(params, dict) else {}


class Unreadable(ValueError):
    """A line that is not of this schema; `args[0]` says why."""


def encode(line: Line) -> bytes:
    value = {"v": VERSION, "n": line.n, "t": line.t, "src": line.source.value, "m": line.message}
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


def decode(data: bytes) -> Line:
    """The line from its bytes.

    Raises:
        Unreadable: not JSON, of another version, or without a needed field.
    """
    try:
        value = json.loads(data)
        if value["v"] != VERSION:
            raise Unreadable(f"schema version {value['v']!r}, not {VERSION}")
        return Line(
            n=int(value["n"]), t=int(value["t"]), source=Source(value["src"]), message=dict(value["m"])
        )
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise Unreadable(str(exc) or type(exc).__name__) from exc
