"""What `ps` and `status` say beside the plain list: what sleeps, what is unreadable, what a line can hold."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import __version__
from orchestrator.cli.output import GAP, SHORTEST_COLUMN, fitted
from orchestrator.cli.transcript import plain as unstyled
from orchestrator.testing.wire import Say, Scripted, answer, chunks
from tests.unit.cli import answers
from tests.unit.cli.conftest import Run
from tests.unit.cli.terminal import on_a_terminal

VIEW = answers.VIEW | {
    "doing": "rg token in all of the files that are there",
    "branch": "agents/reviewer/token-refresh",
    "warnings": [],
}
PAUSED = VIEW | {"container_state": "paused"}


def lists(*views: dict[str, Any], unreadable: int = 0) -> Say:
    """The daemon's list of sessions, with the number of records that are not in it."""
    body = json.dumps(views).encode()

    def say(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("X-Orchestrator-Version", __version__)
        handler.send_header("X-Orchestrator-Unreadable", str(unreadable))
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return say


@pytest.mark.parametrize(("count", "said"), [(1, "a record cannot be read"), (3, "3 records cannot be read")])
@pytest.mark.parametrize("option", ["--all", "--json", "-q"])
def test_ps_says_that_records_cannot_be_read(
    orchestrator: Run, daemon: Scripted, option: str, count: int, said: str
) -> None:
    """Whoever is not in the list may be there all the same; no option hides that."""
    daemon.will(lists(VIEW, unreadable=count))
    done = orchestrator("ps", option)
    assert done.returncode == 0
    assert f"warning: {said}; `orchestrator registry verify`" in done.stderr
    assert "abc0000000" in done.stdout


def test_ps_is_silent_where_all_records_can_be_read(orchestrator: Run, daemon: Scripted) -> None:
    """Nothing on stderr, also from a daemon that does not count them."""
    daemon.will(lists(VIEW), answer(json.dumps([VIEW]).encode()))
    assert [orchestrator("ps").stderr, orchestrator("ps").stderr] == ["", ""]


def test_ps_shows_a_paused_container(orchestrator: Run, daemon: Scripted) -> None:
    """Codex's last state is no news of it, nor is its age; the way to wake it is there."""
    daemon.will(lists(PAUSED))
    row = orchestrator("ps").stdout.splitlines()[1].split("\t")
    assert row[2:4] == ["paused", "-"]
    assert row[4] == "its container is paused; `orchestrator resume-all` wakes it"


def test_status_shows_a_paused_container(orchestrator: Run, daemon: Scripted) -> None:
    """And what was known before."""
    daemon.will(answer(json.dumps(PAUSED).encode()), answer(json.dumps(VIEW).encode()))
    assert "paused; before that working for 3m, says turn_started" in orchestrator("status", "r").stdout
    assert "paused" not in orchestrator("status", "r").stdout


def test_quiet_ps_prints_the_ids_alone(orchestrator: Run, daemon: Scripted) -> None:
    """As `docker ps -q`; where none runs there is nothing to say."""
    daemon.will(lists(VIEW, VIEW | {"session_id": "def0000000"}), lists())
    assert orchestrator("ps", "-q").stdout == "abc0000000\ndef0000000\n"
    done = orchestrator("-q", "ps")
    assert (done.stdout, done.stderr) == ("", "")


def test_quiet_launch_prints_the_id_alone(orchestrator: Run, daemon: Scripted) -> None:
    """For `session=$(orchestrator launch -q …)`; a warning is no hint."""
    launched = VIEW | {"warnings": ["approvals are advisory"]}
    daemon.will(chunks(json.dumps({"result": launched}).encode() + b"\n"))
    done = orchestrator("launch", "reviewer", "-q")
    assert (done.stdout, done.stderr) == ("abc0000000\n", "warning: approvals are advisory\n")


def test_quiet_says_what_is_wrong_all_the_same(orchestrator: Run, daemon: Scripted) -> None:
    """Hints are left out; that the engine is away is none."""
    daemon.will(lists(VIEW | {"container_state": "unknown: the engine does not answer"}))
    assert "warning: the engine does not answer" in orchestrator("ps", "-q").stderr


def test_quiet_send_shows_that_the_turn_failed(orchestrator: Run, daemon: Scripted) -> None:
    """An error is no hint."""
    turn = {"turn_id": "t1", "status": "failed", "answer": "", "tokens": {}, "files": []}
    receipt: dict[str, Any] = {
        "message_id": "m1",
        "session_id": "abc0000000",
        "state": "committed",
        "route": None,
    }
    receipt |= {
        "turn_id": "t1",
        "reason": "",
        "turn": turn | {"duration_ms": 5, "error": {"message": "no quota"}},
    }
    daemon.will(*[answer(json.dumps(receipt).encode())] * 2)
    done = orchestrator("send", "r", "hi", "--wait", "turn", "-q")
    assert (done.returncode, done.stderr) == (1, "error: the turn ended as failed: no quota\n")


@pytest.mark.parametrize(
    ("columns", "lost"),
    [
        (200, []),
        (80, []),
        (60, ["BRANCH"]),
        (40, ["BRANCH", "DOING", "QUEUED"]),
        (30, ["BRANCH", "DOING", "QUEUED", "SESSION"]),
    ],
)
def test_a_narrow_terminal_keeps_role_state_and_age(
    environment: dict[str, str], daemon: Scripted, columns: int, lost: list[str]
) -> None:
    """One line a session, no wider than the terminal; the long columns are shortened, then left out."""
    daemon.will(lists(VIEW))
    head, row = drawn(environment | {"COLUMNS": str(columns)})
    assert max(len(head.rstrip()), len(row.rstrip())) <= columns
    assert {"ROLE", "STATE", "SINCE"} <= set(head.split())
    assert {"reviewer", "working", "3m"} <= set(row.split())
    everything = {"SESSION", "ROLE", "STATE", "SINCE", "DOING", "BRANCH", "QUEUED"}
    assert everything - set(head.split()) == set(lost)


def drawn(environment: dict[str, str]) -> list[str]:
    """The lines of `ps` on a terminal without colours."""
    text, status = on_a_terminal(environment | {"NO_COLOR": "1"}, "ps")
    assert status == 0
    return unstyled(text).splitlines()


@given(st.lists(st.integers(1, 70), min_size=1, max_size=7), st.integers(1, 250), st.data())
def test_columns_fit_or_nothing_is_left_to_cut(widths: list[int], room: int, data: st.DataObject) -> None:
    """No column grows; none of the others changes; one that stays keeps what can still be read."""
    cut = data.draw(st.lists(st.sampled_from(range(len(widths))), unique=True, max_size=len(widths)))
    found = fitted(widths, cut, room)
    shown = [width for width in found if width]
    assert sum(shown) + GAP * (len(shown) - 1) <= room or not any(found[at] for at in cut)
    for at, (before, after) in enumerate(zip(widths, found, strict=True)):
        assert after == before if at not in cut else after in {0, before} or SHORTEST_COLUMN <= after < before
