"""Amounts of memory as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.errors import InvalidInput
from orchestrator.daemon.sizes import parse_size, show_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("2g", 2 * 1024**3),
        ("512M", 512 * 1024**2),
        ("1.5g", 3 * 512 * 1024**2),
        ("64 KiB", 65536),
        ("4096", 4096),
        ("1gb", 1024**3),
    ],
)
def test_sizes_are_read_as_docker_reads_them(text: str, size: int) -> None:
    """Units are powers of 1024, whatever their spelling."""
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "g", "-1g", "2x", "two", "0", "1e9", "0.1"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    """A misspelt size is an input error that shows how to write one."""
    with pytest.raises(InvalidInput) as caught:
        parse_size(text)
    assert "2g" in caught.value.hint


@given(st.integers(min_value=1, max_value=2**60))
def test_a_shown_size_reads_back_as_itself(size: int) -> None:
    """Showing loses nothing."""
    assert parse_size(show_size(size)) == size
