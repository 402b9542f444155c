"""What a launch answers and stores: the message of its prompt, and the session that it works for."""

import pytest

from orchestrator.client import Client
from tests.integration.dry_team import Team, shared, team

__all__ = ["shared", "team"]


def test_a_launch_names_the_message_of_its_prompt(team: Team) -> None:
    """It is that message's receipt that can be asked for; without a prompt there is none."""
    launched = team.json("launch", "launch", "reviewer", "Audit")
    known = Client(home=team.home, start=False).receipt(launched["message_id"], wait="committed", seconds=30)
    assert (known["session_id"], known["state"]) == (launched["session_id"], "committed")
    assert team.json("launch", "launch", "writer")["message_id"] is None


@pytest.mark.parametrize("named_by", ["id", "prefix", "role"])
def test_a_parent_is_named_as_any_session_and_stored_by_its_id(shared: Team, named_by: str) -> None:
    """Whatever the role means later, the child's record keeps the session that was meant."""
    parent = shared.json("status", "status", "reviewer")["session_id"]
    selector = {"id": parent, "prefix": parent[:6], "role": "reviewer"}[named_by]
    child = shared.json("launch", "launch", f"by-{named_by}", "--parent", selector)
    assert child["parent"] == parent
    assert shared.json("status", "status", child["session_id"])["parent"] == parent


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_a_parent_that_is_no_session_is_refused(shared: Team, dry: list[str]) -> None:
    """Nothing is launched for it, and a dry run says the same."""
    assert shared.error("launch", "orphan", "--parent", "nosuch", *dry) == (4, "session_not_found")
    assert "orphan" not in {view["role"] for view in shared.json("ps", "ps", "--all")}
