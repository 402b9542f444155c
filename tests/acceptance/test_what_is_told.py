"""What an operator is told of trouble while it lasts: real Docker and codex, and a model that fails."""

from pathlib import Path

import pytest

from orchestrator.testing.model.memory import Memory
from orchestrator.testing.model.scenario import parse
from orchestrator.testing.model.server import ModelServer
from tests.acceptance.team import Team, until

pytestmark = [pytest.mark.docker, pytest.mark.agent]

TROUBLE = {
    "rules": [
        {"when": "/^fail/", "steps": [[{"fail": "server_overloaded", "message": "too busy"}]]},
        {"when": "/^ask (.+)/", "steps": [[{"approval": "{{1}}", "why": "please"}], [{"say": "asked"}]]},
    ],
    "default": [[{"say": "ok"}]],
}


@pytest.fixture
def model() -> ModelServer:
    """In place of the model that always answers."""
    return ModelServer(Memory(parse(TROUBLE)), host="0.0.0.0")  # noqa: S104 - containers must reach it


def _row(team: Team) -> list[str]:
    return team.run("ps").out.splitlines()[1].split("\t")


@pytest.mark.parametrize(
    ("remove", "said"),
    [
        (False, "container killed (137); `orchestrator resume-all` starts it"),
        (True, "container removed; `orchestrator resume-all` makes it again"),
    ],
)
def test_a_container_that_somebody_killed_is_told_with_what_to_do(
    model: ModelServer, team: Team, *, remove: bool, said: str
) -> None:
    """In `ps` and in `status`, and what they name brings it back; of a session that was stopped, nothing."""
    with model:
        view = team.launch("reviewer")
        container = team.container(view)
        container.remove(force=True) if remove else container.kill()
        until(lambda: _row(team)[2] == "stopped")
        assert _row(team)[4] == said
        assert f"doing                {said}\n" in team.run("status", "reviewer").out
        assert team.ok("ps")[0]["doing"] == said
        team.ok("resume-all")
        assert _row(team)[2:5:2] == ["idle", "-"]
        team.ok("stop", "reviewer")
        assert team.ok("ps", "--all")[0]["doing"] == ""


def test_a_wait_tells_why_codex_tries_again_and_ends_with_the_error(model: ModelServer, team: Team) -> None:
    """On stderr, each try once; stdout has the answer alone, and there is none."""
    with model:
        team.launch("reviewer")
        done = team.run("send", "reviewer", "fail now", "--wait", "turn")
    assert (done.code, done.out) == (1, "")
    *tries, error = done.err.splitlines()
    assert error == "error: the turn ended as failed: stream disconnected before completion: too busy"
    assert tries
    assert len(set(tries)) == len(tries)
    cause = "/5: stream disconnected before completion: too busy"
    assert all(t.startswith("reviewer is thinking: Reconnecting... ") and t.endswith(cause) for t in tries)


def test_a_wait_tells_that_the_model_cannot_be_reached(model: ModelServer, team: Team) -> None:
    """Codex tries for ever, and the wait with it; it says so."""
    with model:
        team.launch("reviewer")
    done = team.run("send", "reviewer", "anybody there", "--wait", "turn", "--timeout", "15")
    assert done.code == 7
    told = (
        "reviewer is thinking: Reconnecting... waiting for network: Connection failed: error sending request"
    )
    assert done.err.splitlines()[0] == told


def test_a_steer_that_an_interrupted_turn_had_taken_has_failed(model: ModelServer, team: Team) -> None:
    """Codex drops it: it is in no history, and nothing waits for it any longer."""
    with model:
        view = team.launch("reviewer", "--sandbox", "workspace-write", "--approval", "on-request")
        team.send("reviewer", "ask touch /etc/x")
        until(lambda: team.ok("status", "reviewer")["state"] == "waiting_permission")
        steer = team.start("send", "reviewer", "never shown", "--mode", "steer", "--json")
        until(lambda: "message_accepted" in [e["type"] for e in team.transcript(view)[-1:]])
        team.ok("interrupt", "reviewer")
        out, _ = steer.communicate(timeout=60)
        assert steer.returncode == 1
        assert '"state": "failed"' in out
        assert "codex dropped it" in out
        until(lambda: team.ok("status", "reviewer")["queued"] == 0)
        assert team.answer("reviewer", "and now") == "ok"
        assert "never shown" not in team.texts(view, "user_message")
        rollouts = (team.folder(view) / "codex-home").rglob("rollout-*.jsonl")
        assert not [each for each in rollouts if "never shown" in Path(each).read_text()]
