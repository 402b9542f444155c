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

#: The engine's word for a container that was put to sleep; what codex said last is no news then.
PAUSED = "paused"
#: Between two columns of a table, and what a column is at least cut to.
GAP = 2
SHORTEST_COLUMN = 10


def answer(document: Any, show: Callable[[], object]) -> None:
    """Print the document under `--json`; otherwise let `show` write text."""
    if current().json:
        print_json(document)
    else:
        show()


def tell(text: str) -> None:
    """A deed in a word, which its exit code tells as well: `--quiet` silences it."""
    if not current().quiet:
        click.echo(text)


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


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, cut: Sequence[str] = ()) -> None:
    """A drawn table on a terminal; elsewhere lines of tab-separated cells under the same headings.

    `cut` are the headings of what a narrow terminal loses, the first first.
    """
    if sys.stdout.isatty():
        _draw(headings, rows, [headings.index(heading) for heading in cut])
        return
    for row in (headings, *rows):
        click.echo("\t".join(cell.replace("\t", " ").replace("\n", " ") for cell in row))


def table_or_names(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, cut: Sequence[str] = ()
) -> None:
    """The table, or with `--quiet` its first column alone, one name a line."""
    if not current().quiet:
        table(headings, rows, cut=cut)
        return
    for row in rows:
        click.echo(row[0])


def fitted(widths: Sequence[int], cut: Sequence[int], room: int) -> list[int]:
    """What becomes of the columns' widths where a line has `room` for so many characters.

    The widest column of `cut` is shortened first; what is still too much goes, in the order of `cut`: its
    width is 0.
    """
    found = list(widths)
    while _excess(found, room) > 0 and cut:
        widest = max(cut, key=lambda at: found[at])
        if found[widest] <= SHORTEST_COLUMN:
            left = [0 if at == cut[0] else width for at, width in enumerate(widths)]
            return fitted(left, cut[1:], room)
        found[widest] -= 1
    return found


def _excess(widths: Sequence[int], room: int) -> int:
    shown = [width for width in widths if width]
    return sum(shown) + GAP * (len(shown) - 1) - room


def _draw(headings: Sequence[str], rows: Sequence[Sequence[str]], cut: Sequence[int]) -> None:
    from rich.cells import cell_len  # noqa: PLC0415 - only a table on a terminal needs it
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    console = _console()
    natural = [max(map(cell_len, column)) for column in zip(headings, *rows, strict=True)]
    widths = fitted(natural, cut, console.width)
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for heading, width in zip(headings, widths, strict=True):
        if width:
            drawn.add_column(heading, overflow="ellipsis", no_wrap=True, max_width=width)
    for row in rows:
        drawn.add_row(*(Text(cell) for cell, width in zip(row, widths, strict=True) if width))
    console.print(drawn)


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
