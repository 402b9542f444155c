"""What is said of a name that is too short for the beginning of an id."""

from dataclasses import dataclass

import pytest

from orchestrator.core.errors import SessionNotFound
from orchestrator.core.identity import resolve


@dataclass(frozen=True)
class One:
    session_id: str
    role: str = "reviewer"
    live: bool = True


@pytest.mark.parametrize("selector", ["a", "ab"])
def test_a_name_too_short_for_a_prefix_is_told_so(selector: str) -> None:
    """The id begins so, and it is not meant all the same."""
    with pytest.raises(SessionNotFound, match="the beginning of an id needs 3 characters"):
        resolve(selector, [One("abc0000000")])


def test_a_longer_name_is_just_not_there() -> None:
    """Its length is not what is wrong."""
    with pytest.raises(SessionNotFound) as missing:
        resolve("xyz", [One("abc0000000")])
    assert missing.value.message == "no session is called 'xyz'"
    assert resolve("abc", [One("abc0000000")]).session_id == "abc0000000"


def test_a_role_may_be_as_short_as_it_likes() -> None:
    """Only prefixes have a least length."""
    assert resolve("r", [One("abc0000000", role="r")]).role == "r"
