"""Reading what may be anything: values of the expected type out of a decoded JSON payload, or nothing.

Codex's payloads grow with each version; a field that is missing, null or of another type reads as empty.
"""

from collections.abc import Mapping
from typing import Any

Payload = Mapping[str, Any]

_NOTHING: Payload = {}


def mapping(value: Any) -> Payload:
    return value if isinstance(value, dict) else _NOTHING


def text(payload: Payload, key: str) -> str:
    value = payload.get(key)
    return value if isinstance(value, str) else ""


def whole(payload: Payload, key: str) -> int | None:
    """A whole number, where there is one; JSON's `true` is none."""
    value = payload.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def listed(payload: Payload, key: str) -> list[Any]:
    value = payload.get(key)
    return value if isinstance(value, list) else []


def texts(payload: Payload, key: str) -> list[str]:
    return [value for value in listed(payload, key) if isinstance(value, str)]


def present(payload: Payload, *keys: str, **renamed: str) -> dict[str, Any]:
    """The named fields that are there and not null; `new="old"` renames one."""
    wanted = {**{key: key for key in keys}, **renamed}
    return {new: payload[old] for new, old in wanted.items() if payload.get(old) is not None}


def tag(value: Any) -> str:
    """The name of a variant that is written as a plain text, as `{"type": name}` or as `{name: …}`."""
    if isinstance(value, str):
        return value
    variant = mapping(value)
    named = text(variant, "type")
    return named or (str(next(iter(variant))) if len(variant) == 1 else "")
