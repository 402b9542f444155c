"""Words that stand in logs, labels and notes: one line each, and not without end."""

import unicodedata

from orchestrator.core.errors import InvalidInput

LONGEST_LINE = 4_096
LONGEST_NAME = 128
MOST_TAGS = 32

#: Control characters, halves of characters, and what else would end a line.
_NOT_IN_A_LINE = frozenset({"Cc", "Cs", "Zl", "Zp"})


def is_one_line(text: str) -> bool:
    """Whether nothing in it could pass for something else where it is printed."""
    return not any(unicodedata.category(c) in _NOT_IN_A_LINE for c in text)


def check_line(text: str, what: str, longest: int = LONGEST_NAME) -> str:
    """The text itself, or `InvalidInput` that calls it `what`, the name under which it was given."""
    if not is_one_line(text):
        raise InvalidInput(
            f"{what} has a line break or another control character", hint="give it as one line"
        )
    if len(text) > longest:
        raise InvalidInput(f"{what} has {len(text):,} characters", hint=f"{longest:,} are the most")
    return text
