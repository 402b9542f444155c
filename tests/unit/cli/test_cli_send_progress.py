"""What `send` says beside its answer while it waits: what the session does, once a change."""

import json
from typing import Any

from orchestrator.testing.wire import Scripted
from tests.unit.cli.answers import TURN, VIEW, receipt, says
from tests.unit.cli.conftest import Run

LATER = says({"error": {"code": "timed_out", "message": "", "hint": ""}}, 504)
FAILED = receipt("committed", turn={**TURN, "status": "failed", "answer": "", "error": {"message": "gone"}})


def _doing(what: str, state: str = "thinking") -> Any:
    return says(VIEW | {"state": state, "doing": what})


def _looks(*views: Any) -> list[Any]:
    """Questions that run out, with a look at the session after each."""
    return [each for view in views for each in (LATER, says(receipt("accepted")), view)]


def test_what_the_session_does_is_told_once_a_change(orchestrator: Run, daemon: Scripted) -> None:
    """On stderr; nothing where nothing is known."""
    looks = _looks(_doing(""), _doing("again 1/5"), _doing("again 1/5"), _doing("again 2/5"), _doing(""))
    daemon.will(says(receipt("queued")), *looks, says(FAILED))
    done = orchestrator("send", "r", "hi", "--wait", "turn")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "reviewer is thinking: again 1/5",
        "reviewer is thinking: again 2/5",
        "error: the turn ended as failed: gone",
    ]


def test_quiet_leaves_progress_out_and_the_error_in(orchestrator: Run, daemon: Scripted) -> None:
    """The turn's error is the answer."""
    daemon.will(says(receipt("queued")), *_looks(_doing("again 1/5")), says(FAILED))
    done = orchestrator("send", "r", "hi", "--wait", "turn", "-q")
    assert (done.returncode, done.stderr) == (1, "error: the turn ended as failed: gone\n")


def test_what_a_session_does_moves_no_terminal(orchestrator: Run, daemon: Scripted) -> None:
    """It comes from the agent."""
    daemon.will(says(receipt("queued")), *_looks(_doing("\x1b[2Jrm", "working")), says(FAILED))
    assert "reviewer is working: rm\n" in orchestrator("send", "r", "hi", "--wait", "turn").stderr


def test_with_json_stderr_has_no_progress_off_a_terminal(orchestrator: Run, daemon: Scripted) -> None:
    """It is empty, or one error document."""
    daemon.will(says(receipt("queued")), *_looks(_doing("again 1/5")), says(FAILED))
    done = orchestrator("send", "r", "hi", "--wait", "turn", "--json")
    assert (done.returncode, json.loads(done.stdout), done.stderr) == (1, FAILED, "")
