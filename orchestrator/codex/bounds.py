"""How much of codex's word a draft carries: excerpts, cut lists, only what JSON and UTF-8 can say.

The whole word stays in the recording; what is left out of a draft is always marked.
"""

import json
import math
from collections.abc import Mapping
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
        small = {clean(str(key)): _small(value, longest, _DEEPEST) for key, value in data.items()}
        if len(json.dumps(small, ensure_ascii=False).encode()) <= largest:
            return small
    return {"left_out": sorted(excerpt(key, 64) for key in small)[:_LONGEST_LIST]}


def _small(value: Any, longest: int, depth: int) -> Any:
    match value:
        case str():
            return excerpt(clean(value), longest)
        case float() if not math.isfinite(value):
            return str(value)
        case Mapping() | list() | tuple():
            return _shallow(value, longest, depth - 1) if depth else "…"
        case _:
            return value


def _shallow(value: Mapping[Any, Any] | list[Any] | tuple[Any, ...], longest: int, depth: int) -> Any:
    more = len(value) - _LONGEST_LIST
    if isinstance(value, Mapping):
        pairs = islice(value.items(), _LONGEST_LIST)
        kept = {excerpt(clean(str(key)), longest): _small(each, longest, depth) for key, each in pairs}
        return {**kept, "…": f"{more:,} more"} if more > 0 else kept
    items = [_small(each, longest, depth) for each in value[:_LONGEST_LIST]]
    return [*items, f"… {more:,} more"] if more > 0 else items
