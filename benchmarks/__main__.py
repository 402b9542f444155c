"""`python -m benchmarks`: run cases, print their table, and write it where it is asked for."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from benchmarks.cases import launching, memory, proving, resuming, sending, showing, streaming, writing
from benchmarks.figures import Row
from benchmarks.machine import facts
from benchmarks.report import render, table
from benchmarks.stage import Stage, staged

#: What stands below the table: why a goal is missed.
NOTES = Path(__file__).with_name("notes.md")
CASES: dict[str, Callable[[Stage], list[Row]]] = {
    "send": sending.measure,
    "write": writing.measure,
    "prove": proving.measure,
    "stream": streaming.measure,
    "show": showing.measure,
    "launch": launching.measure,
    "resume": resuming.measure,
    "memory": memory.measure,
}


@click.command()
@click.option("--only", multiple=True, type=click.Choice(list(CASES)), help="These cases; all by default.")
@click.option("--few", is_flag=True, help="A handful of measurements: a quick look, not a result.")
@click.option("--write", type=click.Path(path_type=Path, dir_okay=False), help="Write the page there, too.")
def bench(only: Sequence[str], few: bool, write: Path | None) -> None:  # noqa: FBT001 - click's way
    """Measure what things cost, each beside its baseline."""
    rows: list[Row] = []
    with staged(few=few) as stage:
        for name in only or CASES:
            click.echo(f"bench: {name}", err=True)
            rows += CASES[name](stage)
        page = render(rows, facts(stage), NOTES.read_text())
    click.echo(table(rows))
    if write:
        write.write_text(page)


if __name__ == "__main__":
    sys.exit(bench())
