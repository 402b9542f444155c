"""Small decisions: how it ends, what it is ordered, how long it waits, what a look finds."""

from typing import Any

import pytest

from orchestrator.core.policies import Approval, Reasoning, Sandbox
from orchestrator.core.session import Desired
from orchestrator.supervisor import privileges, thread, tmux_server, walls
from orchestrator.supervisor.backoff import CALM, FIRST, LONGEST, Backoff
from orchestrator.supervisor.ending import Code, Hopeless, at_signal, at_start, check_thread
from orchestrator.supervisor.order import BadOrder, Order, is_thread_id, parse
from orchestrator.supervisor.processes import Finished
from orchestrator.supervisor.pulse import Silence
from orchestrator.supervisor.tmux_server import Health

ORDER: dict[str, Any] = {
    "schema": 1,
    "session_id": "k3v7m2qx9c",
    "role": "dev",
    "desired": "running",
    "cwd": "/work",
    "model": "m",
    "reasoning": "low",
    "sandbox": "workspace-write",
    "approval": "on-request",
    "developer_instructions": "Be kind.",
    "thread_id": "",
}


def order(**changes: Any) -> Order:
    return parse({**ORDER, **changes})


@pytest.mark.parametrize(
    ("desired", "code"),
    [
        (Desired.RUNNING, Code.TERMINATED),
        (Desired.STOPPED, Code.STAY_DOWN),
        (Desired.FINISHED, Code.STAY_DOWN),
        (None, Code.TERMINATED),
    ],
)
def test_a_sigterm_counts_as_wanted_only_with_an_order(desired: Desired | None, code: Code) -> None:
    """An order that cannot be read is none: rather come back than stay away."""
    assert at_signal(desired).code is code


def test_a_start_against_the_order_ends_at_once_with_0() -> None:
    """The engine revives what was killed while it stopped."""
    assert at_start(Desired.RUNNING) is None
    for desired in (Desired.STOPPED, Desired.FINISHED):
        ending = at_start(desired)
        assert ending is not None
        assert ending.code is Code.STAY_DOWN


@pytest.mark.parametrize(
    ("kept", "ordered", "recorded", "thread_id"),
    [(None, "", 0, ""), ("", "", 0, ""), ("", "", 7, ""), ("a", "", 0, "a"), ("a", "b", 9, "a")],
)
def test_the_kept_thread_is_the_truth(kept: str | None, ordered: str, recorded: int, thread_id: str) -> None:
    """An empty one is a start that was cut off; the file overrules the registry."""
    assert check_thread(kept, ordered, recorded) == thread_id


@pytest.mark.parametrize(("kept", "ordered", "recorded"), [(None, "", 1), (None, "a", 0), ("", "a", 0)])
def test_a_lost_thread_is_never_silently_a_new_one(kept: str | None, ordered: str, recorded: int) -> None:
    """It stays down until a person has looked, and counts as failed."""
    with pytest.raises(Hopeless) as hopeless:
        check_thread(kept, ordered, recorded)
    ending = hopeless.value.ending
    assert (ending.code, ending.failed) == (Code.STAY_DOWN, True)


def test_an_order_is_read_with_its_policies() -> None:
    """Empty and null leave the choice to codex's config."""
    assert (order().sandbox, order().approval) == (Sandbox.WORKSPACE_WRITE, Approval.ON_REQUEST)
    assert (order().reasoning, order(reasoning=None).reasoning) == (Reasoning.LOW, None)


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"session_id": "../x"},
        {"sandbox": "none"},
        {"desired": "perhaps"},
        {"reasoning": "much"},
    ],
)
def test_a_bad_order_is_refused(change: dict[str, Any]) -> None:
    """Rather none than a wrong one."""
    with pytest.raises(BadOrder):
        order(**change)
    with pytest.raises(BadOrder):
        parse({})


@pytest.mark.parametrize(
    ("text", "good"), [("01a1fbb8-11ed-7000", True), ("x; rm -rf /", False), ("", False)]
)
def test_only_an_id_can_stand_in_the_screens_command(text: str, good: bool) -> None:  # noqa: FBT001 - a table
    """The TUI is started by a shell."""
    assert is_thread_id(text) is good


def test_both_policies_go_with_start_and_resume_and_come_back_in_codexs_words() -> None:
    """Codex forgets the sandbox at a resume; instructions are given once."""
    both = {"sandbox": "workspace-write", "approvalPolicy": "on-request", "cwd": "/work", "model": "m"}
    assert both.items() <= thread.start_params(order()).items()
    assert thread.start_params(order())["config"] == {"model_reasoning_effort": "low"}
    resumed = thread.resume_params(order(), "th")
    assert {**both, "threadId": "th", "excludeTurns": True}.items() <= resumed.items()
    assert "developerInstructions" not in resumed
    answer = {"sandbox": {"type": "workspaceWrite", "networkAccess": False}, "approvalPolicy": "on-request"}
    assert thread.echo(answer) == thread.wanted(order())
    assert thread.echo({"approvalPolicy": "never"}) != thread.wanted(order())


@pytest.mark.parametrize(
    ("value", "side", "conversation"),
    [
        ({"id": "a"}, False, True),
        ({"id": "a", "ephemeral": True}, True, False),
        ({"id": "a", "threadSource": "thread_title"}, True, False),
        ({"id": "a", "parentThreadId": "b"}, False, False),
    ],
)
def test_only_a_persons_thread_is_a_conversation(
    value: dict[str, Any],
    side: bool,  # noqa: FBT001 - a table
    conversation: bool,  # noqa: FBT001 - a table
) -> None:
    """Titles are asked for in threads of their own; a sub-agent has a parent."""
    assert (thread.is_side_thread(value), thread.is_conversation(value)) == (side, conversation)


def test_a_part_that_keeps_dying_is_waited_for_longer_and_longer() -> None:
    """The delay doubles up to its limit; a calm life makes it short again."""
    backoff, delays = Backoff(), []
    for _ in range(12):
        backoff = backoff.died(0.01)
        delays.append(backoff.delay)
    assert delays[:4] == [FIRST, 2 * FIRST, 4 * FIRST, 8 * FIRST]
    assert (delays[-1], backoff.failures) == (LONGEST, 12)
    assert backoff.died(CALM) == Backoff(FIRST, 1)


@pytest.mark.parametrize(
    ("status", "output", "health"),
    [
        (0, "0 1 ", Health.SOUND),
        (0, "1 1 9", Health.TUI_DEAD),
        (0, "1 0 1", Health.TUI_DEAD),
        (0, "0 0 ", Health.PIPE_GONE),
        (1, "can't find session", Health.SESSION_GONE),
        (-9, "", Health.UNSEEN),
    ],
)
def test_a_look_at_the_pane(status: int, output: str, health: Health) -> None:
    """A dead pane matters more than its pipe; a look that somebody ended is no verdict."""
    assert tmux_server.judge(Finished(status, output)).health is health


@pytest.mark.parametrize(
    ("status", "output", "verdict"),
    [
        (0, "the-probe-ran", "holds"),
        (0, "the-probe-ran\nthe-probe-wrote", "broken"),
        (1, "bwrap: No permissions to create a new namespace", "broken"),
        (0, "", "broken"),
    ],
)
def test_a_sandbox_holds_only_if_the_probe_ran_in_it(status: int, output: str, verdict: str) -> None:
    """A sandbox that does not start keeps nothing in."""
    assert walls.judge(Finished(status, output)).verdict == verdict


def test_the_container_wall_is_read_from_a_process_of_the_agents() -> None:
    """The kernel's words."""
    status = "Name:\tcat\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\n"
    assert walls.container(status, read_only=True, sockets=False) == {
        "no_new_privileges": True,
        "capabilities": "0000000000000000",
        "read_only_root": True,
        "docker_socket": False,
    }


def test_the_agents_environment_has_nothing_of_roots() -> None:
    """Only where programs are found is taken over."""
    given = {"PATH": "/bin", "SECRET": "x", "HOME": "/root", "LD_PRELOAD": "y"}
    made = privileges.environment(given)
    assert made["PATH"] == "/bin"
    assert made["HOME"] == "/home/agent"
    assert not {"SECRET", "LD_PRELOAD"} & set(made)


def test_a_program_that_failed_says_why() -> None:
    """Its last line, or the signal."""
    assert Finished(1, "a\nError: in use").why == "status 1: Error: in use"
    assert Finished(-9, "").why == "signal 9"


@pytest.mark.parametrize(
    ("answers", "silent"),
    [("", False), ("-", False), ("--", True), ("-+-", False), ("--+", False), ("+---", True)],
)
def test_silence_is_known_by_the_second_answer_in_a_row_that_is_missing(answers: str, silent: bool) -> None:  # noqa: FBT001 - a table
    """One is missing after every pause of the container."""
    silence = Silence()
    for answer in answers:
        silence = silence.after(answered=answer == "+")
    assert silence.known is silent
