"""A value that cannot be used is refused under the name of its option, with what would do instead."""

import pytest

from orchestrator.testing.wire import Scripted
from tests.unit.cli.conftest import Run

LONG = "a" * 200


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "two"])
def test_processors_are_a_number(orchestrator: Run, daemon: Scripted, number: str) -> None:
    """Whatever floating-point arithmetic calls one."""
    done = orchestrator("launch", "r", "--cpus", number)
    assert (done.returncode, done.stderr) == (
        2,
        f"error: --cpus {number!r} is no number of processors\nhint: write it like 2 or 0.5\n",
    )
    assert daemon.asked == []


@pytest.mark.parametrize(
    ("argv", "said", "hint"),
    [
        (["--tag", "a\nb"], "--tag has a line break or another control character", "one line"),
        (["--tag", "a", "--tag", LONG], "--tag has 200 characters", "128 are the most"),
        (["--tag", ""], "--tag is empty", "leave it out"),
        ([f"--tag={n}" for n in range(33)], "--tag is given 33 times", "32 are the most"),
        (["--from", "a\x1b[2J"], "--from has a line break or another control character", "one line"),
        (["--from", LONG], "--from has 200 characters", "128 are the most"),
    ],
)
def test_a_bad_tag_or_sender_of_a_message(
    orchestrator: Run, daemon: Scripted, argv: list[str], said: str, hint: str
) -> None:
    """Nothing of it reaches the terminal, nor the daemon."""
    done = orchestrator("send", "r", "hello", *argv)
    first, second = done.stderr.splitlines()
    assert (done.returncode, first) == (2, f"error: {said}")
    assert second.startswith("hint: ")
    assert hint in second
    assert daemon.asked == []


@pytest.mark.parametrize("option", ["--from", "--parent", "--model", "--image", "--branch", "--base-url"])
def test_a_bad_name_of_a_launch(orchestrator: Run, daemon: Scripted, option: str) -> None:
    """Each under its option."""
    done = orchestrator("launch", "r", option, "http://a\nb")
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {option} has a line break")
    assert daemon.asked == []


def test_a_bad_sender_of_the_environment_is_named_by_its_variable(
    orchestrator: Run, daemon: Scripted
) -> None:
    """There is no option to correct."""
    done = orchestrator("send", "r", "hello", ORCHESTRATOR_SENDER="a\nb")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ORCHESTRATOR_SENDER has a line break")
    assert daemon.asked == []


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["stream", "r", "--since-seq", "x"], "'--since-seq': 'x' is not a number of 0 or more."),
        (["stream", "r", "--since-seq", "-1"], "'--since-seq': '-1' is not a number of 0 or more."),
        (["stream", "r", "--limit", "0"], "'--limit': '0' is not a number from 1 to 5000."),
        (["snapshot", "r", "--lines", "1.5"], "'--lines': '1.5' is not a number from 0 to 5000."),
        (["daemon", "logs", "--lines", ""], "'--lines': '' is not a number of 0 or more."),
    ],
)
def test_a_bad_number_is_told_what_it_can_be(
    orchestrator: Run, daemon: Scripted, argv: list[str], said: str
) -> None:
    """In the same words, be it no number or one that is too small or too large."""
    done = orchestrator(*argv)
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, f"error: Invalid value for {said}")
    assert daemon.asked == []
