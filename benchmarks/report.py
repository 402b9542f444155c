"""The table that a run gives, as Markdown."""

from collections.abc import Mapping, Sequence

from benchmarks.figures import Row, Series

_HEAD = """\
# Benchmarks

One run of `just bench` on the machine below, on real Docker, tmux and codex; the model is scripted and
answers at once. Each figure stands beside a baseline of the same run: read the ratios. `p95` is the nearest
rank, of few measurements the largest. A goal is for the ratio, or for the figure itself.
"""


def render(rows: Sequence[Row], facts: Mapping[str, str], notes: str) -> str:
    machine = "\n".join(f"- {name}: {value}" for name, value in facts.items())
    return f"{_HEAD}\n## Machine\n\n{machine}\n\n## Figures\n\n{table(rows)}\n\n{notes.strip()}\n"


def table(rows: Sequence[Row]) -> str:
    lines = [
        "| what | n | median | p95 | baseline | median | p95 | ratio | goal | |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *map(_line, rows),
    ]
    return "\n".join(lines)


def _line(row: Row) -> str:
    what = f"{row.what} ({row.note})" if row.note else row.what
    base = _pair(row.baseline) if row.baseline else ("", "")
    factor = "" if row.factor is None else f"{row.factor:.2f}"
    cells = [
        what,
        str(len(row.ours.values)),
        *_pair(row.ours),
        row.against,
        *base,
        factor,
        _goal(row),
        _verdict(row),
    ]
    return "| " + " | ".join(cells) + " |"


def _pair(series: Series) -> tuple[str, str]:
    return _figure(series.median, series.unit), _figure(series.p95, series.unit)


def _figure(value: float, unit: str) -> str:
    digits = 2 if value < 1 else 1 if value < 100 else 0
    return f"{value:.{digits}f} {unit}"


def _goal(row: Row) -> str:
    if row.ratio is not None:
        return f"ratio ≤ {row.ratio:g}"
    return "" if row.most is None else f"≤ {row.most:g} {row.ours.unit}"


def _verdict(row: Row) -> str:
    return {True: "met", False: "missed", None: ""}[row.met]
