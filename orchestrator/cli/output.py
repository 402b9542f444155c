"""How answers are printed: one JSON document, or text that `show` writes; tables only on a terminal."""

import json
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.invocation import current
from orchestrator.cli.transcript import plain

if TYPE_CHECKING:
    from rich.console import Console


def answer(document: Any, show: Callable[[], object]) -> None:
    """Print the document under `--json`; otherwise let `show` write text."""
    if current().json:
        print_json(document)
    else:
        show()


def print_json(document: Any) -> None:
    click.echo(json.dumps(document, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None))


def is_plan(document: Any) -> bool:
    """Whether this is a dry run's answer."""
    return isinstance(document, dict) and "plan" in document


def answer_or_plan(
    document: Any, show: Callable[[Any], object], *, nothing: str = "there is nothing to do"
) -> None:
    """Print what was done, or what would be; `nothing` is the line for an empty plan."""
    answer(document, lambda: _show_plan(document["plan"], nothing) if is_plan(document) else show(document))


def engine_plan(lines: Sequence[str]) -> dict[str, list[dict[str, str]]]:
    """The plan of a verb that asks the engine itself, one command line a call."""
    return {"plan": [{"who": "engine", "what": line} for line in lines]}


def _show_plan(steps: Sequence[dict[str, str]], nothing: str) -> None:
    if not steps:
        click.echo(nothing)
    for step in steps:
        what = plain(step["what"]).replace("\n", "\n    ")
        click.echo(f"{step['who']}: {what}")


def style(text: str, **styles: Any) -> str:
    """The text in a colour, where colours are wanted."""
    return click.style(text, **styles) if current().wants_color() else text


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A drawn table on a terminal; elsewhere lines of tab-separated cells under the same headings."""
    if sys.stdout.isatty():
        _draw(headings, rows)
        return
    for row in (headings, *rows):
        click.echo("\t".join(cell.replace("\t", " ").replace("\n", " ") for cell in row))


def _draw(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.table import Table  # noqa: PLC0415 - only a table on a terminal needs it
    from rich.text import Text  # noqa: PLC0415 - as above

    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        drawn.add_column(heading, overflow="ellipsis", no_wrap=True)
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    _console().print(drawn)


def _console() -> "Console":
    from rich.console import Console  # noqa: PLC0415 - as above

    return Console(no_color=not current().wants_color(), highlight=False, markup=False)


def fields(pairs: Sequence[tuple[str, str]]) -> None:
    """`name  value` lines with the values in one column; empty values are left out."""
    filled = [(name, value) for name, value in pairs if value]
    width = max((len(name) for name, _ in filled), default=0)
    for name, value in filled:
        click.echo(f"{style(name.ljust(width), bold=True)}  {value}")


def age(seconds: float | None) -> str:
    """A length of time as one number: `8s`, `3m`, `5h`, `2d`."""
    if seconds is None:
        return "-"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(max(seconds, 0))}s"
