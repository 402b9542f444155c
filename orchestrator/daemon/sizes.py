"""Amounts of memory as people write them (`512m`, `2g`), and back."""

import re
from decimal import Decimal

from orchestrator.core.errors import InvalidInput

_UNITS = {"": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([bkmgt]?)(?:i?b)?")


def parse_size(text: str | int) -> int:
    """Bytes; units are powers of 1024, as Docker counts them."""
    found = _SIZE.fullmatch(str(text).strip().lower())
    if found is None or (size := int(Decimal(found[1]) * _UNITS[found[2]])) <= 0:
        raise InvalidInput(f"{text!r} is no amount of memory", hint="write it like 512m or 2g")
    return size


def show_size(size: int) -> str:
    """The largest unit that divides it: 2147483648 is `2g`."""
    for unit in ("t", "g", "m", "k"):
        if size % _UNITS[unit] == 0 and size >= _UNITS[unit]:
            return f"{size // _UNITS[unit]}{unit}"
    return str(size)
