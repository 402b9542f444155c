"""Which way a message goes in, term by term."""

from dataclasses import replace

import pytest

from orchestrator.core.errors import InvalidInput, RouteRefused
from orchestrator.core.policies import Approval
from orchestrator.core.receipt import Route
from orchestrator.core.routing import (
    LONGEST_MESSAGE,
    Surroundings,
    check_message,
    choose,
    why_not_now,
    why_not_typed,
)

QUIET = Surroundings(
    idle=True, approval=Approval.NEVER, pane_alive=True, screen_settled=True, people_attached=0, touched=False
)


@pytest.mark.parametrize(
    "text", ["hello", "a\nb", "tab\there", "- dash", "# hash", "@x", "$(x)", "Enter", "C-c", "äöü 你好"]
)
def test_a_text_that_typing_carries_faithfully_is_typed(text: str) -> None:
    """Auto types into a quiet session."""
    assert choose(Route.AUTO, text, QUIET) is Route.TMUX


@pytest.mark.parametrize(
    "text", ["/status", "!ls", " edge", "edge ", "edge\n", "\x1b[31m", "a\x03b", "\u0085x\u0085 ", "a\x7f"]
)
def test_a_text_that_typing_would_change_goes_by_the_app_server(text: str) -> None:
    """Commands, edge white space and control characters are not for keys."""
    assert why_not_typed(text)
    assert choose(Route.AUTO, text, QUIET) is Route.APP_SERVER


@pytest.mark.parametrize(
    "around",
    [
        replace(QUIET, idle=False),
        replace(QUIET, approval=Approval.ON_REQUEST),
        replace(QUIET, approval=Approval.UNTRUSTED),
        replace(QUIET, pane_alive=False),
        replace(QUIET, screen_settled=False),
        replace(QUIET, people_attached=1),
        replace(QUIET, touched=True),
    ],
)
def test_each_term_alone_forbids_typing(around: Surroundings) -> None:
    """One reason is enough; asked for by name, tmux is refused with that reason."""
    reason = why_not_now(around)
    assert reason
    assert choose(Route.AUTO, "hello", around) is Route.APP_SERVER
    with pytest.raises(RouteRefused, match=reason[:20]):
        choose(Route.TMUX, "hello", around)


def test_the_app_server_carries_everything() -> None:
    """Asked for by name it is taken, whatever the screen shows."""
    assert choose(Route.APP_SERVER, "/x", replace(QUIET, idle=False, pane_alive=False)) is Route.APP_SERVER


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_an_empty_message_is_refused(text: str) -> None:
    """Codex would take it for nothing."""
    with pytest.raises(InvalidInput, match="empty"):
        check_message(text)


def test_a_message_at_codex_s_limit_is_taken_and_one_more_is_not() -> None:
    """The limit counts characters, as codex does."""
    longest = "ä" * LONGEST_MESSAGE
    assert check_message(longest) == longest
    with pytest.raises(InvalidInput, match="1,048,577"):
        check_message(longest + "x")
