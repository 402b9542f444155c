"""The commands as a person meets them at a terminal."""

import pytest

from orchestrator.testing.wire import Scripted
from tests.unit.cli.answers import VIEW, says
from tests.unit.cli.conftest import Run
from tests.unit.cli.terminal import CTRL_C, on_a_terminal


def test_attach_on_a_terminal_becomes_the_program_and_gives_it_a_size(
    environment: dict[str, str], daemon: Scripted
) -> None:
    """A terminal without a size would leave tmux nothing to draw on."""
    daemon.will(says({"argv": ["stty", "size"]}))
    assert on_a_terminal(environment, "attach", "r") == ("24 80\n", 0)


def test_attach_without_the_program_says_what_is_missing(
    environment: dict[str, str], daemon: Scripted
) -> None:
    """A machine without the docker client can still be told the command."""
    daemon.will(says({"argv": ["no-such-docker", "exec"]}))
    text, status = on_a_terminal(environment, "attach", "r")
    assert status == 6
    assert "no-such-docker cannot be run" in text


def test_attach_off_a_terminal_prints_a_line_for_the_shell(orchestrator: Run, daemon: Scripted) -> None:
    """Quoted so that it can be pasted."""
    daemon.will(says({"argv": ["docker", "exec", "-t", "=a b"]}))
    assert orchestrator("attach", "r").stdout == "docker exec -t '=a b'\n"


@pytest.mark.parametrize(("typed", "status", "asked"), [(b"y\n", 0, 2), (b"n\n", 1, 1), (CTRL_C, 130, 1)])
def test_rm_asks_on_a_terminal(
    environment: dict[str, str], daemon: Scripted, typed: bytes, status: int, asked: int
) -> None:
    """Only a yes removes."""
    daemon.will(says(VIEW), says({"session_id": "abc0000000", "removed": True}))
    text, code = on_a_terminal(environment, "rm", "reviewer", typed=typed)
    assert "Remove reviewer abc0000000 (working)" in text
    assert (code, len(daemon.asked)) == (status, asked)


def test_ps_on_a_terminal_is_a_table(environment: dict[str, str], daemon: Scripted) -> None:
    """Drawn for people, without what an agent wants to draw itself."""
    daemon.will(says([VIEW]))
    text, status = on_a_terminal(environment | {"NO_COLOR": "1", "COLUMNS": "200"}, "ps")
    assert status == 0
    assert "\t" not in text
    assert "reviewer" in text
    assert "\x1b[2J" not in text
