"""What may be a secret: its name, and the file that it is copied from. Its content is never told."""

import re
import stat

from orchestrator.core.errors import InvalidInput

LARGEST_SECRET = 1 << 20
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,127}")


def check_name(name: str) -> None:
    """`InvalidInput` where no file of the secrets' folder could be called so."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"{name!r} cannot name a secret", hint="use letters, digits, `-` and `_`; begin with no `-`"
        )


def check_kind(name: str, path: str, mode: int) -> None:
    """`InvalidInput` where its mode says that it is no regular file: reading another one could hang."""
    if not stat.S_ISREG(mode):
        raise InvalidInput(f"the file of secret {name!r} is not a regular file: {path}")


def check_size(name: str, path: str, size: int) -> None:
    """`InvalidInput` where it has more bytes than a secret has."""
    if size > LARGEST_SECRET:
        raise InvalidInput(f"the file of secret {name!r} has more than {LARGEST_SECRET:,} bytes: {path}")


def unreadable(name: str, path: str, reason: str) -> InvalidInput:
    return InvalidInput(f"the file of secret {name!r} cannot be read: {path}: {reason}")
