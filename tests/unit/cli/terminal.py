"""A person at a terminal: what a command shows there, and what is typed into it."""

import fcntl
import os
import pty
import select
import struct
import termios

from tests.children import child
from tests.unit.cli.conftest import SCRIPT

CTRL_C = b"\x03"


def on_a_terminal(environment: dict[str, str], *argv: str, typed: bytes = b"") -> tuple[str, int]:
    """What a person sees at a terminal without a size, who answers the one question, and the exit code."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 0, 0, 0, 0))
    command = ["setsid", "-c", SCRIPT, *argv]
    terminal = environment | {"TERM": "xterm"}
    with child(command, env=terminal, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        seen = b""
        pressed = b""
        while block := _read(ours, pressed):
            seen += block
            if typed and b"?" in seen:
                os.write(ours, typed)
                pressed, typed = (typed if typed == CTRL_C else b""), b""
        status = process.wait(60)
    os.close(ours)
    return seen.decode().replace("\r\n", "\n"), status


def _read(fd: int, pressed: bytes) -> bytes:
    """Ctrl-C is pressed again while nothing happens: Python misses one between its question and its read."""
    while pressed and not select.select([fd], [], [], 1)[0]:
        os.write(fd, pressed)
    try:
        return os.read(fd, 65536)
    except OSError:  # what a terminal says when its last program has left
        return b""
