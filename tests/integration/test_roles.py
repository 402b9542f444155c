"""Roles of the settings, as their user meets them: launched singly, all at once, and cut off."""

import asyncio
import json
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from orchestrator.client import Client
from orchestrator.testing.waiting import until
from tests.integration.dry_team import Team, team
from tests.unit.cli.terminal import on_a_terminal

__all__ = ["team"]

ROLES = """
[agent]
pids = 300
cpus = 1.0
[roles.reviewer]
workspace = "shop"
branch = "review"
model = "role-model"
reasoning = "high"
sandbox = "read-only"
pids = 200
[roles.builder]
"""
#: A hook of the clones that git makes: the builder's waits until the test lets it go on.
HOOK = """#!/bin/sh
case "$PWD" in */builder/*)
    touch "{0}/reached"
    while [ ! -e "{0}/go" ]; do sleep 0.05; done
esac
"""


@pytest.fixture(autouse=True)
def shop(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path / "shop")], check=True, timeout=30)


def settings(team: Team, text: str) -> None:
    (team.home / "orchestrator.toml").write_text(text)


def planned(team: Team, *argv: str) -> str:
    plan: dict[str, Any] = team.json("plan", *argv, "--dry-run")
    return "\n".join(f"{step['who']}: {step['what']}" for step in plan["plan"])


def test_a_flag_goes_before_the_role_and_that_before_the_settings(team: Team) -> None:
    """For each value by itself; a role without a table has the general settings."""
    settings(team, ROLES)
    view = team.json("launch", "launch", "reviewer", "--model", "flag-model")
    assert (view["model"], view["reasoning"], view["sandbox"]) == ("flag-model", "high", "read-only")
    assert view["branch"] == "review"
    plan = planned(team, "launch", "reviewer", "--another", "--cpus", "2")
    assert "2 processors, 200 processes" in plan
    assert f"clone {team.home}/shop to " in plan
    assert "1 processors, 300 processes" in planned(team, "launch", "somebody")
    assert team.json("status", "status", "reviewer")["model"] == "flag-model"


def test_a_roles_secrets_and_instructions_are_given_to_its_session(team: Team) -> None:
    """A flag's file takes the place of the role's of that name; instructions are read from their file."""
    for name in ("one", "two", "other"):
        (team.home / name).write_text(name)
    (team.home / "how.md").write_text("Be brief.")
    settings(
        team,
        '[roles.a]\ninstructions_file = "how.md"\nsecrets = { first = "one", second = "two" }\n',
    )
    plan = planned(team, "launch", "a", "--secret", f"second={team.home}/other")
    assert f"copy the secret first from {team.home}/one;" in plan
    assert f"copy the secret second from {team.home}/other;" in plan
    assert '"developerInstructions": "Be brief."' in plan
    flagged = planned(team, "launch", "a", "--developer-instructions", "Be long.")
    assert '"developerInstructions": "Be long."' in flagged


def test_a_changed_role_holds_from_the_next_launch_on(team: Team) -> None:
    """The daemon is the same one; what runs keeps what it was launched with."""
    settings(team, '[roles.a]\nmodel = "one"\n')
    first = team.json("launch", "launch", "a")
    pid = team.daemon_pid()
    settings(team, '[roles.a]\nmodel = "two"\n')
    second = team.json("launch", "launch", "a", "--another")
    assert (first["model"], second["model"]) == ("one", "two")
    assert team.json("status", "status", first["session_id"])["model"] == "one"
    assert team.daemon_pid() == pid


def test_a_role_that_became_wrong_is_refused_at_the_next_launch(team: Team) -> None:
    """With file, table and key, and exit 2; everything else goes on."""
    team.text("launch", "writer")
    settings(team, "[roles.a]\ntitle = 'm'\n")
    done = team("launch", "a")
    assert done.returncode == 2
    line = done.stderr.decode().splitlines()[0]
    assert line == f"error: {team.home}/orchestrator.toml: roles.a.title: there is no such setting"
    assert team.error("launch", "--all") == (2, "settings_invalid")
    assert len(team.json("ps", "ps")) == 1


def test_all_roles_without_a_live_session_are_launched(team: Team) -> None:
    """In the order of the file; a second time all are live already, and that is no failure."""
    settings(team, ROLES)
    team.text("launch", "builder")
    first = team.json("launch-all", "launch", "--all")
    assert [(one["role"], one["action"]) for one in first] == [
        ("reviewer", "launched"),
        ("builder", "live already"),
    ]
    assert [one["session"]["branch"] for one in first] == ["review", "main"]
    ids = [one["session"]["session_id"] for one in first]
    assert team.text("launch", "--all").splitlines() == [
        f"reviewer {ids[0]}: live already",
        f"builder {ids[1]}: live already",
    ]
    assert team.text("launch", "--all", "-q").split() == ids
    again = Client(home=team.home, start=False).launch_all()
    assert [one["action"] for one in again if isinstance(one, dict)] == ["live already"] * 2


def test_one_role_that_cannot_come_up_fails_the_command_and_no_other_role(team: Team) -> None:
    """Exit 1, with the reason and the way on; a dry run refuses with the same."""
    settings(team, f'{ROLES}[roles.lost]\nworkspace = "nowhere"\n')
    found = team.json("launch-all", "launch", "--all", status=1)
    assert [one["ok"] for one in found] == [True, True, False]
    assert found[2]["session"] is None
    assert found[2]["error"]["code"] == "invalid_input"
    assert f"{team.home}/nowhere" in found[2]["error"]["message"]
    done = team("launch", "--all")
    assert done.returncode == 1
    assert f"lost: failed: {found[2]['error']['message']}\n    hint: " in done.stdout.decode()
    quiet = team("launch", "--all", "-q")
    assert (len(quiet.stdout.split()), quiet.stderr.decode().startswith("lost: failed: ")) == (2, True)
    refused = team("launch", "--all", "--dry-run")
    assert refused.returncode == 1
    assert "1 of 3 roles cannot be launched: lost: " in refused.stderr.decode()


def test_a_reason_that_all_roles_share_is_told_once(team: Team) -> None:
    """With all their names and its hint; a program has it with every role."""
    settings(team, '[roles.reviewer]\nworkspace = "nowhere"\n[roles.builder]\nworkspace = "nowhere"\n')
    done = team("launch", "--all")
    assert done.returncode == 1
    first, hint = done.stdout.decode().splitlines()
    assert hint.startswith("    hint: ")
    found = team.json("launch-all", "launch", "--all", status=1)
    messages = [one["error"]["message"] for one in found]
    assert first == f"reviewer, builder: failed: {messages[0]}"
    assert messages[1:] == messages[:1]


def test_a_dry_run_of_all_shows_each_roles_steps_and_makes_none(team: Team) -> None:
    """A role that is live has nothing to be done for it."""
    settings(team, ROLES)
    team.text("launch", "builder")
    plan = planned(team, "launch", "--all", "--model", "flag-model")
    assert plan.startswith("reviewer: would be launched:\n")
    assert '"model": "flag-model"' in plan
    assert re.search(r"^builder: has a live session, \w+: nothing to do$", plan, re.MULTILINE)
    assert [view["role"] for view in team.json("ps", "ps", "--all")] == ["builder"]


def test_without_roles_there_is_nothing_that_could_be_launched(team: Team) -> None:
    """It says how to have some, and exits 2; so does a command line that makes no sense."""
    assert team.error("launch", "--all") == (2, "settings_invalid")
    assert b"orchestrator init" in team("launch", "--all").stderr
    settings(team, ROLES)
    for argv in (["launch"], ["launch", "--all", "reviewer"], ["launch", "--all", "--another"]):
        assert team.error(*argv) == (2, "usage")
    assert team.json("ps", "ps", "--all") == []


def test_off_a_terminal_each_step_is_a_line(team: Team) -> None:
    """Of every role; `-q` and `--json` are silent, `-v` is not."""
    settings(team, ROLES)
    team.text("daemon", "start")
    lines = team("launch", "--all").stderr.decode().splitlines()
    for role in ("reviewer", "builder"):
        assert f"{role}: starting the container" in lines
        assert f"{role}: launched" in lines
    assert team("launch", "--all", "-q").stderr == b""
    assert team("launch", "--all", "--json").stderr == b""
    assert b"reviewer: live already\n" in team("launch", "--all", "--json", "-v").stderr


def test_on_a_terminal_each_role_has_a_line_that_is_rewritten(team: Team) -> None:
    """When all is done, only the answer is left; a terminal that cannot rewrite gets lines."""
    settings(team, ROLES)
    text, status = on_a_terminal(team.environment, "launch", "--all")
    assert status == 0
    assert "reviewer: starting the container\nbuilder: " in text.replace("\r", "")
    assert "\x1b[1A\x1b[2K" in text
    progress, _, answer = text.rpartition("\x1b[2K")
    assert "launched" in progress
    assert re.match(r"(\x1b\[\d*m)*reviewer \w+: launched", answer)
    assert "\x1b[?25l" not in text.rpartition("\x1b[?25h")[2]


def test_resuming_ten_sessions_shows_its_steps(team: Team) -> None:
    """As lines, or as one line of a terminal; also those that the daemon took by itself when it started."""
    settings(team, "".join(f"[roles.role{number}]\n" for number in range(10)))
    team.text("launch", "--all")
    team.text("daemon", "stop")
    lines = team("resume-all").stderr.decode().splitlines()
    assert sum("no container; its folders are there" in line for line in lines) == 10
    assert lines[-1] == "10 of 10 seen to"
    assert len(lines) == len(set(lines)) == 20
    for view in team.json("ps", "ps"):
        assert f"{view['role']} {view['session_id']}: no container; its folders are there" in lines
    again = team("resume-all")
    assert again.stderr == b"", "nothing is to be done: there are no steps"
    assert again.stdout.count(b"attached already: ok") == 10
    team.text("daemon", "stop")
    assert team("resume-all", "-q").stderr == b""
    team.text("daemon", "stop")
    text, status = on_a_terminal(team.environment | {"NO_COLOR": "1"}, "resume-all")
    assert status == 0
    steps, _, answer = text.rpartition("\x1b[2K")
    assert "\r\x1b[2K10 of 10 seen to" in steps
    told = 1 + ("starting the daemon" in steps)  # each of the two is one line, rewritten and taken away
    assert steps.count("\n") == told, "more than one line is used"
    assert len(re.findall(r"^role\d \w+: .*: ok$", answer, re.MULTILINE)) == 10


def test_what_to_type_next_names_the_role_where_that_is_enough(team: Team) -> None:
    """Where two live sessions have the role, each is named by its id."""
    alone = team.json("launch", "launch", "reviewer")["role"]
    twins = [team.json("launch", "launch", "builder", "--another")["session_id"] for _ in range(2)]
    team.text("daemon", "stop")
    resumed = team.json("resume-all", "resume-all")
    assert [one["next"] for one in resumed] == [f"orchestrator attach {name}" for name in (alone, *twins)]


def test_one_launch_shows_its_steps_as_a_launch_of_all_does(team: Team) -> None:
    """One line that is rewritten on a terminal, lines elsewhere; `-q` and `--json` are silent."""
    team.text("daemon", "start")
    assert b"\nstarting the container\nwaiting for codex\n" in team("launch", "a").stderr
    assert team("launch", "b", "-q").stderr == b""
    assert team("launch", "c", "--json").stderr == b""
    text, status = on_a_terminal(team.environment | {"NO_COLOR": "1"}, "launch", "d")
    assert status == 0
    steps, _, answer = text.rpartition("\x1b[2K")
    assert "\r\x1b[2Kwaiting for codex" in steps
    assert re.match(r"(\x1b\[\d*m)*session", answer)


@pytest.fixture
def hook(team: Team, tmp_path: Path) -> Path:
    """The folder with `reached`, once the builder's launch waits, and `go`, which lets it go on."""
    gate, template = tmp_path / "gate", tmp_path / "template"
    for folder in (gate, template / "hooks"):
        folder.mkdir(parents=True)
    script = template / "hooks" / "post-checkout"
    script.write_text(HOOK.format(gate))
    script.chmod(0o755)
    (team.home / ".gitconfig").write_text(
        f'[init]\ntemplateDir = "{template}"\n[user]\nname = a\nemail = a@b\n'
    )
    git = ["git", "-C", str(tmp_path / "shop")]
    subprocess.run(
        [*git, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "x"],
        check=True,
        timeout=30,
    )
    return gate


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_ctrl_c_in_one_launch_undoes_it_and_says_so(team: Team, hook: Path, form: list[str]) -> None:
    """When the command ends nothing of it is left. Exit 130."""
    team.text("daemon", "start")
    shop = str(hook.parent / "shop")
    with team.popen("launch", "builder", "--workspace", shop, "--branch", "build", *form) as process:
        asyncio.run(until((hook / "reached").exists))
        process.send_signal(signal.SIGINT)
        (hook / "go").touch()
        out, err = process.communicate(timeout=60)
    assert team.json("ps", "ps", "--all") == []
    last = err.decode().splitlines()[-1]
    message = json.loads(last)["error"]["message"] if form else last
    assert message == "interrupted; builder is not up"
    assert (process.returncode, out) == (130, b"")
    assert not list((team.home / "outputs" / "agents").glob("builder/*"))


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_ctrl_c_undoes_what_is_not_up_yet_and_says_what_is(team: Team, hook: Path, form: list[str]) -> None:
    """Once it is so: what was being made is awaited, and removed. Exit 130."""
    settings(
        team,
        '[roles.reviewer]\n[roles.builder]\nworkspace = "shop"\nbranch = "build"\n',
    )
    with team.popen("launch", "--all", "-v", *form) as process:
        assert process.stderr is not None
        while process.stderr.readline() != b"reviewer: launched\n":
            assert process.poll() is None
        asyncio.run(until((hook / "reached").exists))
        process.send_signal(signal.SIGINT)
        (hook / "go").touch()
        out, err = process.communicate(timeout=60)
    (left,) = team.json("ps", "ps", "--all")
    assert left["role"] == "reviewer"
    last = err.decode().splitlines()[-1]
    message = json.loads(last)["error"]["message"] if form else last
    assert message == f"interrupted; up: reviewer ({left['session_id']}); not up: builder"
    assert (process.returncode, out) == (130, b"")
    assert not list((team.home / "outputs" / "agents").glob("builder/*"))
