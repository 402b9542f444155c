"""A rollout read as it grows, whatever the agent puts in its place."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from orchestrator.supervisor.index import LogIndex
from orchestrator.supervisor.privileges import Agent
from orchestrator.supervisor.rollout_tail import Rollouts


def record(kind: str, **payload: Any) -> str:
    passed = {"internal_chat_message_metadata_passthrough": {"turn_id": "t"}}
    return json.dumps({"type": "response_item", "payload": {"type": kind, **payload, **passed}}) + "\n"


ASKED = record("custom_tool_call", call_id="c", input='tools.exec_command({"cmd": "ls"})')
ANSWERED = record("custom_tool_call_output", call_id="c", output="denied")


@pytest.fixture
def rollouts() -> Rollouts:
    """Rollouts that are read as whoever runs the tests."""
    return Rollouts(Agent(os.geteuid(), os.getegid()), "/work")


def commands(rollouts: Rollouts) -> list[str]:
    return [message["params"]["item"]["command"] for message in rollouts.step(LogIndex())]


def test_a_finished_call_is_judged_one_step_later(rollouts: Rollouts, tmp_path: Path) -> None:
    """The log may hear of the command a moment after the rollout does."""
    path = tmp_path / "r"
    rollouts.add("th", str(path))
    assert commands(rollouts) == []
    path.write_text(ASKED + ANSWERED[:20])
    assert commands(rollouts) == []
    path.write_text(ASKED + ANSWERED)
    assert commands(rollouts) == []
    assert commands(rollouts) == ["ls"]
    assert commands(rollouts) == []


def test_a_long_rollout_is_read_in_one_step(rollouts: Rollouts, tmp_path: Path) -> None:
    """After a restart it is read from its beginning, past megabytes that do not matter."""
    path = tmp_path / "r"
    path.write_text(("x" * 999 + "\n") * 5000 + ASKED + ANSWERED)
    rollouts.add("th", str(path))
    rollouts.step(LogIndex())
    assert commands(rollouts) == ["ls"]


@pytest.mark.parametrize("what", ["fifo", "link", "noise"])
def test_nothing_in_its_place_holds_the_reader_up(rollouts: Rollouts, tmp_path: Path, what: str) -> None:
    """A pipe would block, a link could lead anywhere, noise is no record."""
    path = tmp_path / "r"
    match what:
        case "fifo":
            os.mkfifo(path)
        case "link":
            (tmp_path / "x").write_text(ASKED + ANSWERED)
            path.symlink_to(tmp_path / "x")
        case _:
            path.write_bytes(b'"custom_tool_call \xff\n["function_call"]\n\n')
    rollouts.add("th", str(path))
    rollouts.step(LogIndex())
    assert commands(rollouts) == []
