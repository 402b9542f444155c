"""What an operator would otherwise find out late: a container that sleeps, a limit that no machine has."""

import pytest

from tests.acceptance.team import Team

pytestmark = pytest.mark.docker


@pytest.mark.agent
def test_a_paused_session_is_told_until_it_is_woken(team: Team) -> None:
    """In `ps`, in `status` and to programs; what `ps` names wakes it."""
    view = team.launch("reviewer")
    team.container(view).pause()
    row = team.run("ps").out.splitlines()[1].split("\t")
    assert (row[2], row[4]) == ("paused", "its container is paused; `orchestrator resume-all` wakes it")
    status = team.run("status", "reviewer").out
    assert "paused; before that idle" in status
    assert "warning: its container is paused" in status
    assert team.ok("ps")[0]["container_state"] == "paused"
    team.ok("resume-all")
    assert team.run("ps").out.splitlines()[1].split("\t")[2] != "paused"
    assert "paused" not in team.run("status", "reviewer").out


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_more_memory_than_the_engines_machine_has_is_refused(team: Team, dry: list[str]) -> None:
    """Before anything is made, and with the amount that would do; the machine's own amount will."""
    there = -(-team.client.info()["MemTotal"] // 1024**3)
    done = team.run("launch", "reviewer", "--memory", f"{there + 1}g", *dry)
    assert (done.code, done.err.splitlines()) == (
        2,
        [
            f"error: {(there + 1) * 1024**3:,} bytes of memory are more than the engine has: {there} GiB",
            f"hint: `--memory {there}g` at most, or the setting agent.memory",
        ],
    )
    assert team.ok("ps", "--all") == []
    team.ok("launch", "reviewer", "--memory", f"{there}g", "--dry-run")
