"""Launching: one live session a role, nothing left of one that was cut off, and what is refused."""

import json
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.team import Done, Team, until

pytestmark = [pytest.mark.docker, pytest.mark.agent]


def labelled(team: Team) -> list[Any]:
    project = json.loads((team.root / "registry/project.json").read_text())["project_id"]
    label = f"orchestrator.project={project}"
    return team.client.containers.list(all=True, filters={"label": label}, ignore_removed=True)


def records(team: Team) -> list[Path]:
    return [p for p in (team.root / "registry").glob("*.json") if p.name != "project.json"]


def test_of_three_launches_of_one_role_one_wins(team: Team, pool: ThreadPoolExecutor) -> None:
    """The others exit 5 with one line; `--another` is the way to a second."""
    team.ok("ps")
    done = list(pool.map(lambda _: team.run("launch", "reviewer", "--json"), range(3)))
    assert sorted(d.code for d in done) == [0, 5, 5]
    assert {json.loads(d.err.splitlines()[-1])["error"]["code"] for d in done if d.code} == {"role_busy"}
    assert len(labelled(team)) == 1
    assert team.launch("reviewer", "--another")["role"] == "reviewer"
    assert team.run("send", "reviewer", "which one?").code == 5


def test_a_launch_that_is_interrupted_leaves_nothing(team: Team) -> None:
    """Ctrl-C while it starts: no container, no record, no folder."""
    team.ok("ps")
    process = team.start("launch", "reviewer")
    until(lambda: labelled(team))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    until(lambda: not labelled(team) and not records(team))
    assert not list((team.root / "outputs").glob("agents/reviewer/*"))


def test_what_cannot_be_used_is_refused_in_one_line(team: Team, tmp_path: Path) -> None:
    """One clear line, the documented code, nothing made."""
    refused: list[tuple[list[str], int]] = [
        (["launch", "Bad.Role"], 2),
        (["launch", "reviewer", "--workspace", str(tmp_path / "missing")], 2),
        (["launch", "reviewer", "--workspace", str(team.root)], 2),
        (["launch", "reviewer", "--image", "no-such-image:at-all"], 4),
        (["launch", "reviewer", "--secret", f"token={tmp_path / 'missing'}"], 2),
        (["send", "nobody", "hello"], 4),
        (["status", "nobody"], 4),
        (["stop", "nobody"], 4),
    ]
    for args, code in refused:
        done = team.run(*args)
        check_refusal(args, done, code)
    assert labelled(team) == []
    assert records(team) == []


def check_refusal(args: list[str], done: Done, code: int) -> None:
    said = [line for line in done.err.splitlines() if line]
    assert done.code == code, (args, done)
    assert any(line.startswith("error: ") for line in said), (args, done)
    assert "Traceback" not in done.err


def test_a_secret_is_a_file_inside_and_nowhere_else(team: Team, tmp_path: Path) -> None:
    """The agent can read it; the engine, the registry, the logs and the transcript know only its name."""
    secret = tmp_path / "token"
    secret.write_text("s3cr3t-heron")
    view = team.launch("reviewer", "--secret", f"token={secret}")
    assert team.inside(view, "cat", "/run/secrets/token", user="agent") == "s3cr3t-heron"
    assert "s3cr3t-heron" not in json.dumps(team.container(view).attrs)
    record = (team.root / f"registry/{view['session_id']}.json").read_text()
    assert "token" in record
    assert "s3cr3t-heron" not in record + team.log() + json.dumps(team.transcript(view))
    assert "s3cr3t-heron" not in team.container(view).logs().decode()


def test_a_login_is_codex_s_own_file_and_mounted_nowhere(team: Team, tmp_path: Path) -> None:
    """Alone, as with OpenAI's models: there is no other secret, and so no folder of them."""
    login = tmp_path / "auth.json"
    login.write_text('{"OPENAI_API_KEY": "sk-not-a-real-one"}')
    view = team.launch("reviewer", "--secret", f"codex-auth={login}")
    assert "sk-not-a-real-one" in team.inside(view, "cat", "/codex-home/auth.json", user="agent")
    assert "/run/secrets" not in [mount["Destination"] for mount in team.container(view).attrs["Mounts"]]
    assert team.answer("reviewer", "hello") == "ok"


def test_two_data_directories_on_one_engine_do_not_see_each_other(team: Team, tmp_path: Path) -> None:
    """Same role, same engine, another project: neither lists, adopts nor stops the other's."""
    view = team.launch("reviewer")
    other = Team(tmp_path / "other", team.model)
    try:
        assert other.ok("ps", "--all") == []
        assert other.ok("resume-all") == []
        assert other.run("stop", view["session_id"]).code == 4
        assert other.launch("reviewer")["session_id"] != view["session_id"]
        assert [s["session_id"] for s in team.ok("ps")] == [view["session_id"]]
    finally:
        other.clean()


def test_a_dry_run_shows_the_calls_and_makes_none(team: Team) -> None:
    """The engine's command lines for a launch, tmux's for a message; nothing is made, nothing is sent."""
    plan = team.ok("launch", "reviewer", "--dry-run")["plan"]
    assert any("--cap-drop" in step["what"] and "no-new-privileges" in step["what"] for step in plan)
    assert labelled(team) == []
    view = team.launch("reviewer")
    assert team.ok("send", "reviewer", "hello", "--dry-run")["plan"]
    assert team.ok("stop", "reviewer", "--dry-run")["plan"]
    assert team.ok("rm", "reviewer", "--force", "--dry-run")["plan"]
    assert team.texts(view, "user_message") == []
    assert team.ok("status", "reviewer")["desired"] == "running"


def test_rm_keeps_the_story_and_purge_keeps_nothing(team: Team) -> None:
    """A running session needs `--force`; log, transcript and workspace stay unless purged."""
    view = team.launch("reviewer")
    team.answer("reviewer", "hello")
    assert team.run("rm", "reviewer").code == 5
    team.ok("rm", "reviewer", "--force")
    assert labelled(team) == []
    assert team.texts(view, "user_message") == ["hello"]
    assert not (team.folder(view) / "private").exists()
    again = team.launch("reviewer")
    team.ok("rm", again["session_id"], "--force", "--purge")
    assert not team.folder(again).exists()
