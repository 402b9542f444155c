"""Each row of the table of resuming, made for real; then a send succeeds and codex knows what was said."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.acceptance.team import Team, until

pytestmark = [pytest.mark.docker, pytest.mark.agent]

View = dict[str, Any]


def outside_stop(team: Team, view: View) -> None:
    team.container(view).stop(timeout=20)


def outside_remove(team: Team, view: View) -> None:
    team.container(view).remove(force=True)


def pause(team: Team, view: View) -> None:
    team.container(view).pause()


def kill_container(team: Team, view: View) -> None:
    team.container(view).kill()


def kill_tmux(team: Team, view: View) -> None:
    team.inside(view, "kill", "-KILL", team.tmux(view, "#{pid}"))


def lose_record(team: Team, view: View) -> None:
    (team.root / f"registry/{view['session_id']}.json").unlink()


def spoil_record(team: Team, view: View) -> None:
    (team.root / f"registry/{view['session_id']}.json").write_text('{"schema": 1, "session')


ROWS: list[tuple[Callable[[Team, View], None], str]] = [
    (lambda _team, _view: None, "reattached"),
    (kill_tmux, "reattached"),
    (outside_stop, "started"),
    (kill_container, "started"),
    (pause, "unpaused"),
    (outside_remove, "recreated"),
    (lose_record, "reattached"),
    (spoil_record, "reattached"),
]
NAMES = ["running", "no-tmux", "stopped", "killed", "paused", "removed", "no-record", "corrupt-record"]


@pytest.mark.parametrize(("damage", "action"), ROWS, ids=NAMES)
def test_what_is_found_is_brought_back_with_its_memory(
    team: Team, damage: Callable[[Team, View], None], action: str
) -> None:
    """The row's action is told, the thread is the same, and the model is asked with what was said before."""
    view = team.launch("reviewer")
    team.answer("reviewer", "the word is heron")
    team.kill_daemon()
    damage(team, view)
    results = team.ok("resume-all")
    assert [(r["session_id"], r["ok"]) for r in results] == [(view["session_id"], True)], results
    assert action in results[0]["action"]
    until(lambda: team.ok("status", "reviewer")["state"] == "idle")
    assert team.answer("reviewer", "recall") == "I recall."
    asked = team.model.memory.requests()["requests"][-1]["body"]
    assert "the word is heron" in json.dumps(asked)
    assert team.ok("status", "reviewer")["thread_id"] == view["thread_id"]
    story = team.transcript(view)
    assert [e["seq"] for e in story] == list(range(1, len(story) + 1))


def test_a_pause_ends_nothing(team: Team) -> None:
    """The daemon lives on: unpaused, the session is what it was, and takes the next message."""
    view = team.launch("reviewer")
    team.answer("reviewer", "the word is heron")
    pause(team, view)
    assert "unpaused" in team.ok("resume-all")[0]["action"]
    until(lambda: team.ok("status", "reviewer")["state"] == "idle")
    assert team.answer("reviewer", "recall") == "I recall."
    assert "session_stopped" not in {e["type"] for e in team.transcript(view)}


def test_a_stopped_session_is_left_alone(team: Team) -> None:
    """What should be stopped stays so, whatever restarts."""
    team.launch("reviewer")
    team.ok("stop", "reviewer")
    team.kill_daemon()
    assert team.ok("resume-all")[0]["action"] == "left alone"
    assert team.ok("ps") == []


def test_a_corrupt_record_is_told_and_the_other_sessions_work(team: Team) -> None:
    """One bad file takes nobody else down; `registry rebuild` mends it from the engine."""
    bad, good = team.launch("reviewer"), team.launch("builder")
    (team.root / f"registry/{bad['session_id']}.json").write_text("garbage")
    checked = team.run("registry", "verify", "--json")
    assert bad["session_id"] in checked.out
    assert team.answer("builder", "hello") == "ok"
    mended = team.ok("registry", "rebuild")
    assert mended["rebuilt"] == [bad["session_id"]]
    assert {s["session_id"] for s in team.ok("ps")} == {bad["session_id"], good["session_id"]}
