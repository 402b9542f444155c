"""Series of measurements, and rows that set ours beside a baseline and a goal."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Series:
    """Measurements of one thing, all in the same unit (`ms` or `MB`)."""

    unit: str
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("a series needs a measurement")

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def p95(self) -> float:
        """By the nearest rank: a value that was measured, the largest one where there are under 20."""
        ranked = sorted(self.values)
        return ranked[-(-len(ranked) * 95 // 100) - 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`ratio` is the goal for ours.median / baseline.median, `most` one for ours.median itself."""

    what: str
    ours: Series
    against: str = ""
    baseline: Series | None = None
    ratio: float | None = None
    most: float | None = None
    note: str = ""

    @property
    def factor(self) -> float | None:
        return self.ours.median / self.baseline.median if self.baseline else None

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        if self.ratio is not None and self.factor is not None:
            return self.factor <= self.ratio
        return None if self.most is None else self.ours.median <= self.most


def milliseconds(seconds: Sequence[float]) -> Series:
    return Series("ms", tuple(s * 1000 for s in seconds))


def megabytes(sizes: Sequence[float]) -> Series:
    return Series("MB", tuple(size / 1e6 for size in sizes))
