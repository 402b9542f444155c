"""The steps of a long operation on stderr: rewritten in place on a terminal, a line each elsewhere."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import click

from orchestrator.cli.invocation import current
from orchestrator.cli.transcript import plain

if TYPE_CHECKING:
    from rich.live import Live

Say = Callable[[str], None]

#: What starts sooner is not worth a word.
SLOW_SECONDS = 0.5


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
        with _drawn(by_subject=by_subject, colors=here.wants_color()) as say:
            yield say


@contextmanager
def starting() -> Iterator[None]:
    """Tell on a terminal that the daemon is being started, once that takes long; not with `-q`, `--json`."""
    here = current()
    if here.quiet or here.json or not sys.stderr.isatty():
        yield
        return
    with steps() as say:
        late = threading.Timer(SLOW_SECONDS, say, ["starting the daemon"])
        late.daemon = True
        late.start()
        try:
            yield
        finally:
            late.cancel()
            late.join()


@contextmanager
def _drawn(*, by_subject: bool, colors: bool) -> Iterator[Say]:
    """Nothing is drawn before the first step: another may be drawing until then."""
    newest: dict[str, str] = {}
    live: Live | None = None

    def say(text: str) -> None:
        nonlocal live
        from rich.text import Text  # noqa: PLC0415 - only a terminal needs it

        newest[text.partition(": ")[0] if by_subject else ""] = plain(text).replace("\n", " ")
        live = live or drawing.enter_context(_live(colors=colors))
        live.update(Text("\n".join(newest.values()), no_wrap=True, overflow="ellipsis"), refresh=True)

    with ExitStack() as drawing:
        yield say


@contextmanager
def _live(*, colors: bool) -> Iterator["Live"]:
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
    from rich.live import Live  # noqa: PLC0415 - as above

    console = Console(stderr=True, no_color=not colors, highlight=False)
    with Live(
        console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
    ) as live:
        console.show_cursor()  # were we killed, nobody would bring it back
        yield live
