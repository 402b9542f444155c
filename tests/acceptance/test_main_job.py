"""The main job, as an operator does it: sessions, messages, states, transcripts, and the way back."""

import json
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.acceptance.team import Team, until

pytestmark = [pytest.mark.docker, pytest.mark.agent]


def test_two_sessions_at_once_each_have_their_own_story(team: Team, pool: ThreadPoolExecutor) -> None:
    """Different messages at once, each transcript with its own alone; times, directions, branches."""
    one, two = pool.map(lambda role: team.launch(role, "--branch", f"work/{role}"), ["reviewer", "builder"])
    jobs = [(one, f"alpha {n}") for n in range(3)] + [(two, f"beta {n}") for n in range(3)]
    list(pool.map(lambda job: team.answer(job[0]["session_id"], job[1]), jobs))
    for view, own, other in ((one, "alpha", "beta"), (two, "beta", "alpha")):
        story = team.transcript(view)
        said = [e for e in story if e["type"] == "user_message"]
        assert sorted(e["text"] for e in said) == [f"{own} {n}" for n in range(3)]
        assert other not in json.dumps(story)
        assert {e["direction"] for e in said} == {"in"}
        assert {e["from"] for e in said} == {"operator"}
        assert {e["direction"] for e in story if e["type"] == "agent_message"} == {"out"}
        assert {e["branch"] for e in story} == {f"work/{view['role']}"}
        assert [e["seq"] for e in story] == list(range(1, len(story) + 1))
        stamps = [e["timestamp"] for e in said]
        assert stamps == sorted(stamps)


def test_the_daemon_is_killed_in_a_turn_and_nothing_is_lost(team: Team) -> None:
    """The turn goes on; resume-all reattaches and restarts nothing; the turn is there once, whole."""
    view = team.launch("reviewer")
    receipt = team.send("reviewer", "gate a")
    assert receipt["state"] == "committed"
    before = (team.container(view).attrs["State"]["StartedAt"], team.tmux(view, "#{pid} #{start_time}"))
    team.kill_daemon()
    team.model.memory.gates.open("a")
    results = team.ok("resume-all")
    assert [(r["session_id"], r["ok"]) for r in results] == [(view["session_id"], True)]
    assert before == (
        team.container(view).attrs["State"]["StartedAt"],
        team.tmux(view, "#{pid} #{start_time}"),
    )
    until(lambda: "Through a." in team.texts(view, "agent_message"))
    until(lambda: team.ok("status", "reviewer")["state"] == "idle")
    assert team.answer("reviewer", "hello again") == "ok"
    story = team.transcript(view)
    assert team.texts(view, "user_message") == ["gate a", "hello again"]
    assert team.texts(view, "agent_message") == ["At the gate.", "Through a.", "ok"]
    assert [e["seq"] for e in story] == list(range(1, len(story) + 1))
    assert not [e for e in story if e["type"] == "gap"]


def test_killing_one_session_ends_its_stream_and_leaves_the_other_s(team: Team) -> None:
    """A stream ends by itself when its session does; the neighbour's goes on."""
    one, two = team.launch("reviewer"), team.launch("builder")
    first = team.start("stream", one["session_id"], "-f", "--ndjson")
    second = team.start("stream", two["session_id"], "-f", "--ndjson")
    team.container(one).kill()
    out, _ = first.communicate(timeout=60)
    assert first.returncode == 0
    assert json.loads(out.splitlines()[-1])["type"] == "session_stopped"
    assert team.answer("builder", "still there") == "ok"
    assert second.poll() is None
    second.send_signal(signal.SIGINT)
    out, _ = second.communicate(timeout=30)
    assert "still there" in out


def test_a_stopped_session_goes_on_with_what_was_said_before(team: Team) -> None:
    """Stop, resume-all leaves it; what codex knew is in the next request to the model."""
    view = team.launch("reviewer")
    team.answer("reviewer", "the word is heron")
    stopped = team.ok("stop", "reviewer")
    assert (stopped["desired"], stopped["state"]) == ("stopped", "stopped")
    assert team.container(view).attrs["State"]["ExitCode"] == 0
    assert team.ok("resume-all")[0]["action"] == "left alone"
    assert team.ok("ps", "--all")[0]["state"] == "stopped"
    assert team.ok("stop", "reviewer")["state"] == "stopped"
    assert team.run("send", "reviewer", "hello").code == 5


def test_snapshot_shows_the_screen_and_the_last_envelopes(team: Team) -> None:
    """What a person would see, and what was said, in one document."""
    team.launch("reviewer", "good morning")
    until(lambda: team.ok("status", "reviewer")["state"] == "idle")
    until(lambda: "good morning" in team.ok("snapshot", "reviewer")["screen"])
    shot = team.ok("snapshot", "reviewer", "--lines", "3")
    assert len(shot["transcript"]) == 3
    assert "good morning" in team.run("snapshot", "reviewer").out


def test_an_interrupt_ends_the_turn_and_a_message_may_interrupt_or_steer(team: Team) -> None:
    """Modes while a turn runs: queue waits, if-idle refuses, steer goes in, interrupt goes first."""
    team.launch("reviewer")
    team.send("reviewer", "gate never")
    until(lambda: team.ok("status", "reviewer")["state"] in {"working", "thinking"})
    queued = team.send("reviewer", "later")
    assert queued["state"] == "queued"
    assert team.run("send", "reviewer", "now", "--mode", "if-idle").code == 5
    steered = team.send("reviewer", "gate other", "--mode", "steer", "--wait", "committed")
    assert steered["state"] == "committed"
    done = team.ok("interrupt", "reviewer")
    assert done["interrupted"]
    until(lambda: team.ok("status", "reviewer")["state"] == "idle")
    assert team.ok("interrupt", "reviewer")["interrupted"] is False
    view = team.ok("status", "reviewer")
    until(lambda: "later" in team.texts(view, "user_message"))
    assert team.texts(view, "user_message") == ["gate never", "gate other", "later"]


def test_what_a_sub_agent_does_is_recorded_and_does_not_move_its_parent(team: Team) -> None:
    """Its commands are in the transcript, tagged; the parent's state and answers are its own."""
    kid = {"task_name": "kid", "message": "go", "fork_turns": "none"}
    spawn = {"call": "spawn_agent", "namespace": "collaboration", "args": kid}
    delegate = {"when": "/^delegate/", "steps": [[spawn], [{"say": "Delegated."}]]}
    work = [[{"shell": "echo from the kid"}], [{"say": "The kid is done."}]]
    team.model.play({"rules": [delegate], "default": work})
    view = team.launch("lead")
    assert team.answer("lead", "delegate it") == "Delegated."

    def told() -> list[dict[str, Any]]:
        return [e for e in team.transcript(view) if "subagent" in e["tags"]]

    until(lambda: "The kid is done." in [e["text"] for e in told()])
    assert ["from the kid" in e["data"]["output"] for e in told() if e["type"] == "command_completed"] == [
        True
    ]
    assert team.ok("status", "lead")["state"] == "idle"
