"""A message that was typed and is not shown in time: Enter is due again, and codex does not answer."""

import json
from typing import Any

import pytest

from tests.acceptance.team import Team, until

pytestmark = [pytest.mark.docker, pytest.mark.agent]

ATTEMPTS = 3


def reasons(team: Team) -> list[str]:
    """Why Enter was not pressed again, each time that the daemon's log tells of."""
    lines = [line for line in team.log().splitlines() if "enter_not_repeated" in line]
    return [json.loads(line)["reason"] for line in lines]


def type_into_silence(team: Team, view: dict[str, Any], text: str) -> None:
    """Type a message while nobody records; codex hangs as soon as it is on the screen, until all is over."""
    recorder = team.inside(view, "pgrep", "-o", "-f", "^python3 -I /opt/orchestrator")
    app_server = team.inside(view, "pgrep", "-o", "-f", "codex app-server --listen")
    team.inside(view, "kill", "-STOP", recorder)
    team.send("reviewer", text, "--route", "tmux", "--no-wait")
    until(lambda: text in team.ok("snapshot", "reviewer")["screen"])
    team.inside(view, "kill", "-STOP", app_server)
    until(lambda: reasons(team) or not team.ok("status", "reviewer")["queued"])
    for pid in (app_server, recorder):
        team.inside(view, "kill", "-CONT", pid)
    until(lambda: text in team.texts(view, "user_message"))
    until(lambda: team.ok("status", "reviewer")["state"] == "idle")


def test_an_enter_that_could_not_be_repeated_is_told_and_the_message_arrives_once(team: Team) -> None:
    """The daemon's log says why. Codex may hang too late for that, so it is tried again."""
    view = team.launch("reviewer")
    until(lambda: team.run("send", "reviewer", "hello", "--route", "tmux", "--wait", "turn").code == 0)
    typed = [f"typed {number}" for number in range(ATTEMPTS)]
    while typed and not reasons(team):
        type_into_silence(team, view, typed.pop(0))
    [reason] = reasons(team)
    assert "codex did not answer" in reason
    said = team.texts(view, "user_message")
    assert len(said) == len(set(said)) == 1 + ATTEMPTS - len(typed)
