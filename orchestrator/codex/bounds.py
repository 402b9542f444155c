"""How much of codex's word a draft carries: excerpts, cut lists, only what JSON and UTF-8 can say.

The whole word stays in the recording; what is left out of a draft is always marked.
"""

import json
import math
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

#: The longest excerpt of a command's output, a diff or any other text in a draft.
EXCERPT = 8 * 1024
#: The size of a draft's data as JSON; messages and answers do not count.
LARGEST = 60 * 1024

_DEEPEST = 12
_LONGEST_LIST = 200
#: Excerpts shrink by these steps until the whole fits.
_STEPS = (EXCERPT, 1024, 128)
_CUT = "…"


def clean(text: str) -> str:
    """The text without halves of characters, which neither UTF-8 nor SQLite can hold."""
    return text.encode("utf-8", "replace").decode()


def excerpt(text: str, longest: int = EXCERPT) -> str:
    """The text, or its head and tail with a marker between them that says how much is missing."""
    if len(text) <= longest:
        return text
    half = longest // 2
    return f"{text[:half]}\n… {len(text) - 2 * half:,} characters left out …\n{text[-half:]}"


def fit(data: Mapping[str, Any], largest: int = LARGEST) -> dict[str, Any]:
    """The data as plain JSON values, with texts and lists cut until all of it is small enough."""
    for longest in _STEPS:
        cutter = _Cutter(longest, largest)
        small = cutter.pairs(data, _DEEPEST)
        enough = cutter.room >= 0 or longest == _STEPS[-1]
        if enough and len(json.dumps(small, ensure_ascii=False).encode()) <= largest:
            return small
    return {"left_out": [excerpt(clean(str(key)), 64) for key in islice(data, _LONGEST_LIST)]}


class _Cutter:
    """Copies a value with its texts and lists cut; stops where there is no more room (in characters)."""

    def __init__(self, longest: int, room: int) -> None:
        self._longest = longest
        self.room = room

    def pairs(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for count, (key, each) in enumerate(value.items()):
            if self._full(count):
                return {**kept, _CUT: f"{len(value) - count:,} more"}
            kept[self._text(str(key))] = self._value(each, depth)
        return kept

    def _items(self, value: Sequence[Any], depth: int) -> list[Any]:
        kept: list[Any] = []
        for count, each in enumerate(value):
            if self._full(count):
                return [*kept, f"{_CUT} {len(value) - count:,} more"]
            kept.append(self._value(each, depth))
        return kept

    def _full(self, count: int) -> bool:
        self.room -= 1
        return self.room < 0 or count == _LONGEST_LIST

    def _text(self, text: str) -> str:
        cut = clean(excerpt(text, self._longest))
        self.room -= len(cut)
        return cut

    def _value(self, value: Any, depth: int) -> Any:
        match value:
            case str():
                return self._text(value)
            case float() if not math.isfinite(value):
                return str(value)
            case Mapping():
                return self.pairs(value, depth - 1) if depth else _CUT
            case list() | tuple():
                return self._items(value, depth - 1) if depth else _CUT
            case _:
                return value
