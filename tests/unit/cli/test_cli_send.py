"""What `send` takes and passes on, what it prints while it waits, and how it exits."""

import json
from typing import Any

import pytest

from orchestrator.testing.wire import Scripted
from tests.unit.cli.answers import TURN, VIEW, body, receipt, says
from tests.unit.cli.conftest import Run


def test_a_message_from_stdin_keeps_every_byte(orchestrator: Run, daemon: Scripted) -> None:
    """Newlines at the end, quotes, tabs and any script arrive as they were."""
    text = "/x 'y' \"z\" $(rm)\t漢\r\n\n"
    daemon.will(says(receipt("queued")), says(receipt("committed")))
    assert orchestrator("send", "r", "-", stdin=text.encode()).returncode == 0
    assert body(daemon)["text"] == text


def test_send_passes_its_options_on(orchestrator: Run, daemon: Scripted) -> None:
    """Mode, route, sender, tags and the system's mark."""
    daemon.will(says(receipt("queued")))
    argv = ["--mode", "steer", "--route", "tmux", "--from", "ci", "--tag", "a", "--tag", "b", "--system"]
    assert orchestrator("send", "r", "--no-wait", *argv, "--", "-v").returncode == 0
    assert body(daemon) == {
        "text": "-v",
        "mode": "steer",
        "route": "tmux",
        "from": "ci",
        "tags": ["a", "b"],
        "system": True,
        "dry_run": False,
    }


@pytest.mark.parametrize(
    ("argv", "last", "status"),
    [
        ([], receipt("committed", turn_id="t1", route="tmux"), 0),
        ([], receipt("queued"), 0),
        ([], receipt("failed", reason="codex refused"), 1),
        ([], receipt("unknown"), 7),
        (["--wait", "turn"], receipt("committed", turn={"status": "completed", "answer": "yes", **TURN}), 0),
        (["--wait", "turn"], receipt("committed", turn={"status": "failed", "answer": "", **TURN}), 1),
        (["--wait", "turn"], receipt("committed", turn={"status": "interrupted", "answer": "", **TURN}), 1),
        (["--wait", "committed"], receipt("unknown"), 7),
    ],
)
def test_the_exit_code_of_send_says_how_far_it_came(
    orchestrator: Run, daemon: Scripted, argv: list[str], last: dict[str, Any], status: int
) -> None:
    """Scripts need not read the receipt."""
    daemon.will(says(receipt("queued")), says(last))
    done = orchestrator("send", "r", "hi", "--json", *argv)
    assert done.returncode == status
    assert json.loads(done.stdout) == last


def test_waiting_for_a_turn_prints_its_answer(orchestrator: Run, daemon: Scripted) -> None:
    """And nothing else on stdout; nothing in it moves the terminal."""
    turn = {"status": "completed", "answer": "It is\n\x1b[31mfine", **TURN}
    daemon.will(says(receipt("queued")), says(receipt("committed", turn=turn)))
    assert orchestrator("send", "r", "hi", "--wait", "turn").stdout == "It is\nfine\n"


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        ({"status": "interrupted"}, "the turn ended as interrupted\n"),
        ({"status": "failed", "error": {"message": "at capacity"}}, "ended as failed: at capacity\n"),
    ],
)
def test_a_turn_without_an_answer_says_why_beside_an_empty_stdout(
    orchestrator: Run, daemon: Scripted, ending: dict[str, Any], said: str
) -> None:
    """A script that reads the answer reads none; a person reads the reason."""
    turn = {"answer": "", **TURN, **ending}
    daemon.will(says(receipt("queued")), says(receipt("committed", turn=turn)))
    done = orchestrator("send", "r", "hi", "--wait", "turn")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith(said)


def test_a_wait_that_ends_before_its_turn_exits_7(orchestrator: Run, daemon: Scripted) -> None:
    """The receipt is printed, and that nothing was taken back."""
    late = says({"error": {"code": "timed_out", "message": "", "hint": ""}}, 504)
    daemon.will(says(receipt("queued")), late, says(receipt("accepted")), says(VIEW))
    done = orchestrator("send", "r", "hi", "--wait", "turn", "--timeout", "0.001")
    assert done.returncode == 7
    assert "m1 accepted" in done.stdout
    assert "not been taken back" in done.stderr


def test_a_wait_that_ends_before_a_persons_answer_exits_8(orchestrator: Run, daemon: Scripted) -> None:
    """Who waits is told that somebody has to act, and how."""
    late = says({"error": {"code": "timed_out", "message": "", "hint": ""}}, 504)
    asking = VIEW | {"state": "waiting_permission", "doing": "rm -rf build"}
    daemon.will(says(receipt("queued")), late, says(receipt("committed")), says(asking))
    done = orchestrator("send", "r", "hi", "--wait", "turn", "--timeout", "0.001")
    assert done.returncode == 8
    assert "reviewer waits for a person: rm -rf build" in done.stderr
    assert "orchestrator attach abc0000000" in done.stderr
