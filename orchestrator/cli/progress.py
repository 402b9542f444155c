"""The steps of a long operation on stderr: rewritten in place on a terminal, a line each elsewhere."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from orchestrator.cli.invocation import current
from orchestrator.cli.transcript import plain

Say = Callable[[str], None]


@contextmanager
def steps(*, by_subject: bool = False) -> Iterator[Say]:
    """Where to tell the steps.

    On a terminal the newest replaces the one before; `by_subject` keeps the newest of each `SUBJECT: STEP`.
    Elsewhere, and with `-v`, all are printed. `--quiet` silences them; so does `--json` off a terminal, where
    stderr is empty or one error document.
    """
    here, drawn = current(), sys.stderr.isatty()
    if here.quiet or (here.json and not (drawn or here.verbosity)):
        yield lambda _: None
    elif here.verbosity or not drawn or os.environ.get("TERM", "dumb") == "dumb":
        yield lambda text: click.echo(plain(text), err=True)
    else:
        with _drawn(by_subject=by_subject) as say:
            yield say


@contextmanager
def _drawn(*, by_subject: bool) -> Iterator[Say]:
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
    from rich.live import Live  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    console = Console(stderr=True, no_color=not current().wants_color(), highlight=False)
    newest: dict[str, str] = {}
    live = Live(
        console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
    )

    def say(text: str) -> None:
        newest[text.partition(": ")[0] if by_subject else ""] = plain(text).replace("\n", " ")
        shown = Text("\n".join(newest.values()), no_wrap=True, overflow="ellipsis")
        live.update(shown, refresh=True)

    with live:
        console.show_cursor()  # were we killed, nobody would bring it back
        yield say
