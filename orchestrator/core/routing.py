"""Which way a message goes in: a pure decision from the text, the policies and what the pane shows.

Each rule stands for a trap that was seen on a real codex: a dialog that Enter approves, a first
character that is a command, edge white space that is trimmed, control characters that vanish, a
person's draft that a paste would join.
"""

import unicodedata
from dataclasses import dataclass

from orchestrator.core.errors import InvalidInput, RouteRefused
from orchestrator.core.policies import Approval
from orchestrator.core.receipt import Route

#: Codex refuses longer messages (counted in characters).
LONGEST_MESSAGE = 1_048_576


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What matters for typing, at one moment: codex's status, the pane, the people in front of it."""

    idle: bool
    approval: Approval
    pane_alive: bool
    screen_settled: bool
    people_attached: int
    touched: bool


def check_message(text: str) -> str:
    """The text itself, or `InvalidInput` where codex would refuse it."""
    if not text.strip():
        raise InvalidInput("the message is empty", hint="give a text, or `-` to read it from stdin")
    if len(text) > LONGEST_MESSAGE:
        raise InvalidInput(
            f"the message has {len(text):,} characters; codex takes {LONGEST_MESSAGE:,}",
            hint="put it into a file of the workspace and name the file",
        )
    return text


def why_not_typed(text: str) -> str:
    """The reason why typing would change this text, or an empty string where it would not."""
    if text != text.strip():
        return "white space at an edge would be trimmed"
    if text[0] in "/!":
        return f"a first character {text[0]!r} would be a command"
    if any(c not in "\n\t" and unicodedata.category(c) in {"Cc", "Cs"} for c in text):
        return "control characters would vanish"
    return ""


def why_not_now(around: Surroundings) -> str:
    """The reason why nothing may be typed at this moment, or an empty string."""
    reasons = (
        (around.approval is not Approval.NEVER, "a dialog may open, and Enter would answer it"),
        (not around.idle, "a turn is running"),
        (not around.pane_alive, "codex's screen is not there"),
        (not around.screen_settled, "codex's screen has only just been drawn"),
        (around.people_attached > 0, "a person is attached and may be typing"),
        (around.touched, "a person may have left a draft in the composer"),
    )
    return next((reason for holds, reason in reasons if holds), "")


def choose(wish: Route, text: str, around: Surroundings) -> Route:
    """The route to take.

    Raises:
        RouteRefused: tmux was asked for and would not carry the text faithfully, or not now.
    """
    if wish is Route.APP_SERVER:
        return wish
    reason = why_not_typed(text) or why_not_now(around)
    if not reason:
        return Route.TMUX
    if wish is Route.TMUX:
        raise RouteRefused(f"not typed: {reason}", hint="`--route app-server` carries any text at any time")
    return Route.APP_SERVER
