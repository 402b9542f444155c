"""`orchestrator init`: where it writes, what it leaves alone, and what it tells."""

import json
import subprocess
from pathlib import Path

import pytest

from orchestrator.cli.schemas import adapter
from tests.unit.cli.conftest import Run

IGNORED = "/registry/\n/outputs/\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True, timeout=30)
    return tmp_path


def test_it_writes_the_settings_and_keeps_the_data_out_of_git(orchestrator: Run, repository: Path) -> None:
    """Git sees neither of the data directory's folders, and what to type next is told."""
    done = orchestrator("init", ORCHESTRATOR_MODEL__BASE_URL="http://model:8080/v1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"{repository}/orchestrator.toml written, with the roles implementer and reviewer",
        f"{repository}/.gitignore: added /registry/ and /outputs/",
    ]
    assert done.stderr.splitlines() == [
        "next:",
        "    orchestrator doctor",
        "    orchestrator launch --all",
        '    orchestrator send implementer "…"',
    ]
    for name in ("registry", "outputs"):
        (repository / name).mkdir(exist_ok=True)
        (repository / name / "file").touch()
    seen = subprocess.run(
        ["git", "-C", str(repository), "status", "--short"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert {line[3:] for line in seen.stdout.splitlines()} == {".gitignore", "orchestrator.toml"}
    assert orchestrator("config", "validate").stdout == f"valid: {repository}/orchestrator.toml\n"


def test_it_writes_at_the_top_of_the_repository_around_it(
    orchestrator: Run, repository: Path, tmp_path: Path
) -> None:
    """From a folder below; DIR means that very directory, and then the roles work on the repository above."""
    below = repository / "src"
    below.mkdir()
    found = json.loads(orchestrator("init", "--json", cwd=below).stdout)
    adapter("init").validate_python(found)
    assert found["path"] == str(repository / "orchestrator.toml")
    assert orchestrator("init", "src").returncode == 0
    assert 'workspace = ".."' in (below / "orchestrator.toml").read_text()


def test_outside_a_repository_it_writes_where_it_is(orchestrator: Run, tmp_path: Path) -> None:
    """The roles name no workspace then."""
    assert orchestrator("init").returncode == 0
    assert '\nworkspace = "' not in (tmp_path / "orchestrator.toml").read_text()


def test_a_file_that_is_there_is_replaced_only_by_force(orchestrator: Run, repository: Path) -> None:
    """Exit 5 without it, also for a dry run; nothing is touched then."""
    path = repository / "orchestrator.toml"
    path.write_text("[model]\n")
    for argv in (["init", "--json"], ["init", "--dry-run", "--json"]):
        done = orchestrator(*argv)
        assert (done.returncode, json.loads(done.stderr)["error"]["code"]) == (5, "already_there")
    assert path.read_text() == "[model]\n"
    assert not (repository / ".gitignore").exists()
    path.chmod(0o640)
    assert orchestrator("init", "--force").returncode == 0
    assert "[roles.reviewer]" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o640
    assert [found.name for found in repository.glob(".orchestrator.toml*")] == []


def test_a_link_to_nowhere_is_not_written_through(orchestrator: Run, repository: Path) -> None:
    """It is something that is there."""
    (repository / "orchestrator.toml").symlink_to(repository / "elsewhere")
    assert orchestrator("init").returncode == 5
    assert not (repository / "elsewhere").exists()


def test_a_dry_run_prints_what_would_be_written_and_writes_nothing(
    orchestrator: Run, repository: Path
) -> None:
    """The very text."""
    before = sorted(repository.iterdir())
    plan = json.loads(orchestrator("init", "--dry-run", "--json").stdout)["plan"]
    assert "[roles.implementer]" in orchestrator("init", "--dry-run").stdout
    assert sorted(repository.iterdir()) == before
    orchestrator("init")
    text = (repository / "orchestrator.toml").read_text()
    assert [step["what"] for step in plan] == [
        f"write {repository}/orchestrator.toml:\n{text}",
        f"append to {repository}/.gitignore:\n/registry/\n/outputs/",
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", IGNORED),
        ("*.log\n", f"*.log\n{IGNORED}"),
        ("*.log", f"*.log\n{IGNORED}"),
        ("registry\n/outputs/*\n", "registry\n/outputs/*\n"),
        ("outputs/\n!x\n", "outputs/\n!x\n/registry/\n"),
    ],
)
def test_only_what_is_missing_is_added_to_gitignore(
    orchestrator: Run, repository: Path, before: str, after: str
) -> None:
    """What is there stays as it is."""
    (repository / ".gitignore").write_text(before)
    assert orchestrator("init").returncode == 0
    assert (repository / ".gitignore").read_text() == after


def test_a_directory_that_is_not_there_is_refused(orchestrator: Run, tmp_path: Path) -> None:
    """One line, exit 2, nothing made."""
    done = orchestrator("init", "missing")
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, f"error: {tmp_path}/missing is no directory")
    assert not (tmp_path / "missing").exists()


def test_a_file_that_will_not_be_read_is_warned_of(orchestrator: Run, tmp_path: Path) -> None:
    """ORCHESTRATOR_HOME names a data directory somewhere else."""
    other = tmp_path / "other"
    other.mkdir()
    done = orchestrator("init", str(other))
    assert done.returncode == 0
    assert (
        f"warning: the data directory is {tmp_path}, and {other}/orchestrator.toml is not read" in done.stderr
    )


def test_without_a_login_the_ways_to_a_model_are_named(orchestrator: Run, tmp_path: Path) -> None:
    """Codex's login, or the scripted model, which needs no key; before the launch that needs one of them."""
    doctor, login, launch, _ = json.loads(orchestrator("init", "--json").stdout)["next"]
    assert doctor == "orchestrator doctor"
    assert login.startswith("codex login ")
    assert login.endswith("no key needed: orchestrator model up")
    assert launch.startswith("orchestrator launch --all ")
    assert "--base-url" in launch


@pytest.mark.parametrize("variable", ["CODEX_HOME", "ORCHESTRATOR_MODEL__AUTH_FILE"])
def test_with_a_login_only_the_launch_is_named(orchestrator: Run, tmp_path: Path, variable: str) -> None:
    """Be it this user's or a file of the settings."""
    (tmp_path / "auth.json").write_text("{}")
    place = tmp_path if variable == "CODEX_HOME" else tmp_path / "auth.json"
    done = orchestrator("init", "--json", **{variable: str(place)})
    assert json.loads(done.stdout)["next"][1] == "orchestrator launch --all"


def test_settings_that_cannot_be_read_keep_nothing_from_being_written(
    orchestrator: Run, tmp_path: Path
) -> None:
    """`doctor`, which is named first, tells what is wrong with them."""
    done = orchestrator("init", ORCHESTRATOR_AGENT__PIDS="many")
    assert done.returncode == 0, done.stderr
    assert "    orchestrator launch --all\n" in done.stderr
