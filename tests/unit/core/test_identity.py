"""Session ids, roles, and how a word picks one session."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.errors import InvalidInput, SelectorAmbiguous, SessionNotFound
from orchestrator.core.identity import check_role, is_session_id, resolve, session_id


@dataclass(frozen=True)
class One:
    session_id: str
    role: str
    live: bool = True


A = One("k3v9x2m8qd", "reviewer")
B = One("k3v7777777", "builder")
OLD = One("aaaaaaaaaa", "writer", live=False)
NEW = One("bbbbbbbbbb", "writer", live=False)
ALL = [A, B, OLD, NEW]


@given(st.binary(min_size=10, max_size=16))
def test_any_dice_make_an_id_that_begins_with_a_letter(dice: bytes) -> None:
    """Ids are well formed whatever the dice show, and tmux cannot read one as a number."""
    made = session_id(dice)
    assert is_session_id(made)
    assert made[0].isalpha()


@pytest.mark.parametrize("role", ["reviewer", "a", "api-2", "x_y", "a" * 32])
def test_a_plain_word_names_a_role(role: str) -> None:
    """Roles that tmux, Docker and a file system all take are taken."""
    assert check_role(role) == role


@pytest.mark.parametrize("role", ["", "A", "1st", "a.b", "a:b", "a/b", "-x", "é", "a" * 33, "a b", "a\n"])
def test_a_word_that_tmux_or_docker_cannot_take_is_refused(role: str) -> None:
    """A dot or a colon would be part of a tmux target, a slash of a path."""
    with pytest.raises(InvalidInput, match="cannot name a role"):
        check_role(role)


@pytest.mark.parametrize(
    ("selector", "meant"),
    [("k3v9x2m8qd", A), ("reviewer", A), ("k3v9", A), ("k3v7", B), ("writer", NEW), ("aaa", OLD)],
)
def test_an_id_a_role_or_a_unique_prefix_picks_a_session(selector: str, meant: One) -> None:
    """Ids come before roles, roles before prefixes; of ended sessions of a role the newest is meant."""
    assert resolve(selector, ALL) is meant


@pytest.mark.parametrize("selector", ["review", "k3", "k", "", "nobody", "K3V9"])
def test_what_is_no_id_no_role_and_no_prefix_reaches_nobody(selector: str) -> None:
    """A part of a role's name, or a prefix that is too short, never reaches another session."""
    with pytest.raises(SessionNotFound):
        resolve(selector, ALL)


def test_a_prefix_of_two_ids_is_ambiguous() -> None:
    """The answer names both, so that the next try can be right."""
    with pytest.raises(SelectorAmbiguous, match=r"k3v9x2m8qd .*k3v7777777"):
        resolve("k3v", ALL)


def test_a_role_with_two_live_sessions_is_ambiguous() -> None:
    """After `launch --another` the role alone no longer tells which one is meant."""
    with pytest.raises(SelectorAmbiguous):
        resolve("reviewer", [A, One("cccccccccc", "reviewer")])
