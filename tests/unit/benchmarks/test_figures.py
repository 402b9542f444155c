"""What a benchmark's figures mean, and the table that they stand in."""

import pytest

from benchmarks.figures import Row, Series, milliseconds
from benchmarks.report import table


def test_the_median_and_the_nearest_rank() -> None:
    """Of few measurements the 95th percentile is the largest; of a hundred it is the 95th."""
    few = milliseconds([0.003, 0.001, 0.002])
    assert (few.unit, few.median, few.p95) == ("ms", 2.0, 3.0)
    assert Series("ms", tuple(map(float, range(100, 0, -1)))).p95 == 95.0


def test_a_series_of_nothing_is_an_error() -> None:
    """A case that measured nothing must not look like one that took no time."""
    with pytest.raises(ValueError, match="needs a measurement"):
        Series("ms", ())


@pytest.mark.parametrize(
    ("row", "met"),
    [
        (Row(what="a", ours=Series("ms", (3.0,)), baseline=Series("ms", (2.0,)), ratio=1.5), True),
        (Row(what="b", ours=Series("ms", (3.1,)), baseline=Series("ms", (2.0,)), ratio=1.5), False),
        (Row(what="c", ours=Series("MB", (15.0,)), most=15), True),
        (Row(what="d", ours=Series("MB", (15.1,)), most=15), False),
        (Row(what="e", ours=Series("ms", (1.0,)), baseline=Series("ms", (9.0,))), None),
    ],
)
def test_a_goal_is_met_missed_or_not_set(row: Row, *, met: bool | None) -> None:
    """It holds for the ratio of the medians, or for our own median."""
    assert row.met is met


def test_a_row_of_the_table() -> None:
    """Three figures that mean something, the ratio, the goal, and whether it is met."""
    row = Row(
        what="send", ours=milliseconds([0.1234]), against="exec", baseline=milliseconds([0.1]), ratio=1.0
    )
    assert table([row]).splitlines()[-1] == (
        "| send | 1 | 123 ms | 123 ms | exec | 100 ms | 100 ms | 1.23 | ratio ≤ 1 | missed |"
    )
