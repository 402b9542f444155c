"""Each part killed in the middle of a turn: it comes back, the session goes on, losses are declared."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.acceptance.team import Team, until

pytestmark = [pytest.mark.docker, pytest.mark.agent]

View = dict[str, Any]


def pid_of(team: Team, view: View, pattern: str) -> str:
    """An engine under load can lose the output of a short run."""
    return str(until(lambda: team.inside(view, "pgrep", "-o", "-f", pattern)))


def supervisor(team: Team, view: View) -> str:
    return pid_of(team, view, "^python3 -I /opt/orchestrator")


def app_server(team: Team, view: View) -> str:
    return pid_of(team, view, "codex app-server --listen")


def screen(team: Team, view: View) -> str:
    return team.tmux(view, "#{pane_pid}")


def tmux(team: Team, view: View) -> str:
    return team.tmux(view, "#{pid}")


def pipe(team: Team, view: View) -> str:
    return team.inside(view, "pgrep", "-x", "cat")


@pytest.mark.parametrize("part", [supervisor, app_server, screen, tmux, pipe])
def test_a_killed_part_comes_back_and_the_session_goes_on(
    team: Team, part: Callable[[Team, View], str]
) -> None:
    """The turn ends one way or another, the next one works, and the history has each thing once."""
    view = team.launch("reviewer")
    team.send("reviewer", "gate a", "--wait", "committed")
    until(lambda: team.model.memory.health()["waiting"])
    team.inside(view, "kill", "-KILL", part(team, view))
    team.model.memory.gates.open("a")
    until(lambda: team.ok("status", "reviewer")["state"] == "idle", 90)
    assert team.answer("reviewer", "hello again") == "ok"
    until(lambda: team.ok("status", "reviewer")["state"] == "idle")
    story = team.transcript(view)
    assert [e["seq"] for e in story] == list(range(1, len(story) + 1))
    assert team.texts(view, "user_message") == ["gate a", "hello again"]
    assert len([e for e in story if e["type"] == "turn_started"]) == 2
    ends = [e["data"]["status"] for e in story if e["type"] == "turn_completed"]
    assert len(ends) == 2
    if "Through a." not in team.texts(view, "agent_message"):
        assert ends[0] == "interrupted"
    until(lambda: "hello again" in team.ok("snapshot", "reviewer")["screen"])
