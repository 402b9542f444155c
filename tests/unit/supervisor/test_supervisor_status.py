"""`status.json`: written whatever codex said, and never a reason to end without one."""

import json
import os
from pathlib import Path

import pytest

from orchestrator.supervisor.ending import Fatal
from orchestrator.supervisor.private import PrivateFolder
from orchestrator.supervisor.privileges import Agent
from orchestrator.supervisor.status import Phase, StatusBoard


@pytest.fixture
def board(tmp_path: Path) -> StatusBoard:
    """A board whose folder is `private`."""
    (tmp_path / "private").mkdir()
    folder = PrivateFolder(Agent(os.geteuid(), os.getegid()), str(tmp_path / "private"))
    return StatusBoard(folder, lambda: 1)


def test_a_reason_that_is_no_text_is_written_all_the_same(board: StatusBoard, tmp_path: Path) -> None:
    """Half a surrogate pair comes through JSON, and cannot be encoded."""
    board.update(phase=Phase.FAILED, reason="codex said \ud800")
    status = json.loads((tmp_path / "private/status.json").read_text())
    assert (status["phase"], status["reason"]) == ("failed", "codex said ?")


def test_a_status_that_cannot_be_written_ends_the_supervisor_with_that_reason(
    board: StatusBoard, tmp_path: Path
) -> None:
    """The recording beside it could not be written either."""
    (tmp_path / "private").rmdir()
    with pytest.raises(Fatal, match=r"status\.json cannot be written"):
        board.update(phase=Phase.READY)
