"""The engine dies, ends in order, or goes down with its machine: nobody is called dead, and all come back."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.own_engine import Machine, why_not
from tests.acceptance.team import Team, until

pytestmark = [
    pytest.mark.docker,
    pytest.mark.agent,
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
]

View = dict[str, Any]
Loss = Callable[[Machine, Team], None]

AWAY = "the engine does not answer"
UNREACHABLE = (6, "engine_unreachable")


@pytest.fixture(scope="module")
def machine(agent_image: str) -> Iterator[Machine]:
    made = Machine()
    try:
        made.power_on()
        made.load(agent_image)
        yield made
    finally:
        made.scrap()


@pytest.fixture
def team(machine: Machine, home: Path, agent_image: str) -> Iterator[Team]:
    made = Team(home, machine.model, machine.host, agent_image)
    yield made
    machine.restore()
    made.clean()


def killed(machine: Machine, _team: Team) -> None:
    machine.kill_engine()


def stopped(machine: Machine, _team: Team) -> None:
    machine.stop_engine()


def rebooted(machine: Machine, team: Team) -> None:
    machine.cut_power()
    team.kill_daemon()


def code(team: Team, *args: str) -> tuple[int, str]:
    """The exit status and the error's code."""
    done = team.run(*args, "--json")
    return done.code, json.loads(done.err)["error"]["code"]


def nobody_is_called_dead(team: Team, runs: View, rests: View, state: str) -> None:
    """What was last known is shown as that."""
    shown = team.run("ps", "--all")
    assert (shown.code, AWAY in shown.err) == (0, True), shown
    assert AWAY in team.run("status", "reviewer").out
    until(lambda: team.ok("status", "reviewer")["state"] == state)
    seen = {view["session_id"]: view for view in team.ok("ps", "--all")}
    assert {view["desired"] for view in seen.values()} == {"running", "stopped"}
    assert seen[runs["session_id"]]["desired"] == "running"
    assert seen[rests["session_id"]]["state"] == "stopped"
    for view in seen.values():
        assert view["container_state"] == f"unknown: {AWAY}"
        assert f"{AWAY}: this is what was last known" in view["warnings"]


def nothing_new_can_be_had(team: Team) -> None:
    """Said in seconds, with exit 6; a launch leaves nothing."""
    assert code(team, "resume-all") == UNREACHABLE
    assert code(team, "launch", "tester") == UNREACHABLE
    assert "tester" not in {view["role"] for view in team.ok("ps", "--all")}


def sent_meanwhile(team: Team, text: str) -> bool:
    """Whether the message waits for the engine. The other honest answer is that there is none."""
    done = team.run("send", "reviewer", text, "--timeout", "1", "--json")
    if done.code == 0:
        assert done.json["state"] == "queued"
        return True
    assert (done.code, json.loads(done.err)["error"]["code"]) == UNREACHABLE
    return False


LOSSES = [(killed, "idle"), (stopped, "stopped"), (rebooted, "idle")]


@pytest.mark.parametrize(("loss", "state"), LOSSES, ids=["killed", "stopped", "rebooted"])
def test_sessions_outlive_their_engine(machine: Machine, team: Team, loss: Loss, state: str) -> None:
    """Who should run does so again and knows what was said; who was stopped stays so."""
    runs, rests = team.launch("reviewer"), team.launch("builder")
    team.ok("stop", "builder")
    team.answer("reviewer", "the word is heron")
    loss(machine, team)
    nobody_is_called_dead(team, runs, rests, state)
    waits = sent_meanwhile(team, "in the dark")
    nothing_new_can_be_had(team)
    machine.restore()
    results = {r["session_id"]: r for r in team.ok("resume-all")}
    assert set(results) == {runs["session_id"], rests["session_id"]}
    assert results[runs["session_id"]]["ok"], results
    assert results[rests["session_id"]]["action"] == "left alone"
    until(lambda: team.ok("status", "reviewer")["state"] == "idle")
    assert team.answer("reviewer", "recall") == "I recall."
    asked = machine.model.memory.requests()["requests"][-1]["body"]
    assert "the word is heron" in json.dumps(asked)
    assert team.texts(runs, "user_message") == ["the word is heron", *["in the dark"] * waits, "recall"]
    assert team.ok("status", "reviewer")["thread_id"] == runs["thread_id"]
    assert [view["role"] for view in team.ok("ps")] == ["reviewer"]
    assert team.container(rests).status == "exited"
    story = team.transcript(runs)
    assert [e["seq"] for e in story] == list(range(1, len(story) + 1))


def test_a_stop_that_meets_no_engine_is_kept(machine: Machine, team: Team) -> None:
    """What is wanted is written down first, so the engine's return does not undo it."""
    view = team.launch("reviewer")
    machine.kill_engine()
    assert code(team, "stop", "reviewer") == UNREACHABLE
    machine.restore()
    assert [r["ok"] for r in team.ok("resume-all")] == [True]
    until(lambda: team.container(view).status == "exited")
    assert team.ok("ps") == []


def test_a_launch_that_loses_its_engine_is_in_nobodys_way(machine: Machine, team: Team) -> None:
    """Its container cannot be removed then; the next launch of the role does it."""
    team.launch("builder")
    launching = team.start("launch", "reviewer", "--json")
    until(lambda: len(team.client.containers.list()) == 2)
    machine.kill_engine()
    _, err = launching.communicate(timeout=60)
    assert (launching.returncode, json.loads(err)["error"]["code"]) == UNREACHABLE
    assert code(team, "launch", "reviewer") == UNREACHABLE
    machine.restore()
    view = team.launch("reviewer")
    assert team.answer("reviewer", "hello") == "ok"
    assert {c.name for c in team.client.containers.list(all=True)} >= {view["container_name"]}
    assert len(team.client.containers.list(all=True)) == 2
