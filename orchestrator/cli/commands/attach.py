"""`orchestrator attach`: codex's own screen, in this terminal. Leaving it harms nothing."""

import fcntl
import os
import shlex
import struct
import sys
import termios

import click

from orchestrator.cli.connect import client
from orchestrator.cli.invocation import Verb, current
from orchestrator.cli.names import session_argument
from orchestrator.cli.output import print_json
from orchestrator.core.errors import EngineUnreachable

#: For terminals that know no size of their own; with none at all tmux would refuse to draw.
ROWS, COLUMNS = 24, 80


@click.command(cls=Verb, params=[session_argument()])
@click.option("-r", "--read-only", is_flag=True, help="Look, without being able to type.")
@click.option("--print", "print_only", is_flag=True, help="Print the command instead of running it.")
def attach(session: str, *, read_only: bool, print_only: bool) -> None:
    """Open a session's screen here; leave with Ctrl-B d.

    Off a terminal it prints the command that does.
    """
    argv = client().attach(session, read_only=read_only)
    if current().json:
        print_json({"argv": argv})
    elif print_only or not (sys.stdin.isatty() and sys.stdout.isatty()):
        click.echo(shlex.join(argv))
    else:
        _become(argv)


def _become(argv: list[str]) -> None:
    """Replace this process, so that signals and sizes reach the program directly."""
    _give_size(sys.stdout.fileno())
    sys.stdout.flush()
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - no shell is the point
    except OSError as exc:
        raise EngineUnreachable(
            f"{argv[0]} cannot be run: {exc.strerror}",
            hint=f"attaching needs it on PATH; the command is: {shlex.join(argv)}",
        ) from exc


def _give_size(terminal: int) -> None:
    rows, columns, *_ = struct.unpack("HHHH", fcntl.ioctl(terminal, termios.TIOCGWINSZ, b"\0" * 8))
    if not (rows and columns):
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
