"""Texts from the command line: `-` means stdin, and what is not UTF-8 is refused, not repaired."""

import os
import sys

from orchestrator.cli.invocation import current
from orchestrator.core.errors import InvalidInput
from orchestrator.core.routing import check_message


def message(words: str) -> str:
    """The text to send, byte for byte; `-` reads it from stdin.

    Raises:
        InvalidInput: it is empty, too long, or not UTF-8.
    """
    return check_message(_stdin() if words == "-" else _argument(words))


def _argument(words: str) -> str:
    return _decoded(os.fsencode(words), "the text")


def _stdin() -> str:
    if sys.stdin.isatty():
        current().note("reading the text from the terminal; end it with Ctrl-D")
    return _decoded(sys.stdin.buffer.read(), "stdin")


def _decoded(data: bytes, what: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as exc:
        raise InvalidInput(f"{what} is not valid UTF-8 (byte {exc.start})") from exc
