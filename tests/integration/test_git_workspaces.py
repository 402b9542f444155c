"""Workspaces on real git."""

import os
import subprocess
from pathlib import Path

import pytest

from orchestrator.core.errors import InvalidInput
from orchestrator.workspaces.git import GitWorkspaces

UID = 1000 if os.geteuid() == 0 else os.geteuid()


def git(folder: Path, *args: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "safe.directory=*"]
    return subprocess.run(
        ["git", "-C", str(folder), *identity, *args], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    root = tmp_path / "origin"
    root.mkdir()
    git(root, "init", "-q", "-b", "trunk")
    (root / "a.txt").write_text("one\n")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "one")
    git(root, "branch", "feature")
    return root


@pytest.mark.parametrize("branch", ["feature", "brand-new"])
def test_a_clone_stands_on_its_branch_and_belongs_to_the_agent(
    origin: Path, tmp_path: Path, branch: str
) -> None:
    """A branch that the origin has is continued, another begins where the origin stands."""
    target = tmp_path / "clone"
    GitWorkspaces().clone(str(origin), str(target), branch, UID)
    assert git(target, "symbolic-ref", "--short", "HEAD") == branch
    assert (target / "a.txt").read_text() == "one\n"
    assert {p.stat().st_uid for p in (target, *target.rglob("*"))} == {UID}


def test_without_an_origin_an_empty_repository_is_made(tmp_path: Path) -> None:
    """An agent without a workspace has a repository of its own on main."""
    target = tmp_path / "own"
    GitWorkspaces().clone("", str(target), "", UID)
    assert git(target, "symbolic-ref", "--short", "HEAD") == "main"


def test_the_origin_is_never_changed_by_the_clone(origin: Path, tmp_path: Path) -> None:
    """No hard links: what the agent does to its objects stays its own."""
    target = tmp_path / "clone"
    GitWorkspaces().clone(str(origin), str(target), "x", UID)
    assert all(p.stat().st_nlink == 1 for p in (origin / ".git" / "objects").rglob("*") if p.is_file())


def test_what_is_no_repository_cannot_be_cloned(tmp_path: Path) -> None:
    """The message names the path."""
    with pytest.raises(InvalidInput, match="is no git repository"):
        GitWorkspaces().clone(str(tmp_path), str(tmp_path / "c"), "x", UID)


@pytest.mark.parametrize("branch", ["a..b", "-x", "a b"])
def test_a_name_that_git_cannot_take_is_refused(origin: Path, tmp_path: Path, branch: str) -> None:
    """Before anything is cloned."""
    with pytest.raises(InvalidInput, match="cannot name a branch"):
        GitWorkspaces().clone(str(origin), str(tmp_path / "c"), branch, UID)
    assert not (tmp_path / "c").exists()


def test_a_given_workspace_must_be_a_folder(tmp_path: Path) -> None:
    """Missing, relative and file paths are told apart."""
    (tmp_path / "f").write_text("")
    for path, word in (
        ("nowhere", "absolute"),
        (str(tmp_path / "no"), "exist"),
        (str(tmp_path / "f"), "folder"),
    ):
        with pytest.raises(InvalidInput, match=word):
            GitWorkspaces().check(path, UID)


def test_a_workspace_of_another_owner_is_warned_about(tmp_path: Path) -> None:
    """The agent works under its own uid."""
    assert GitWorkspaces().check(str(tmp_path), os.geteuid()) == []
    assert "may not write" in GitWorkspaces().check(str(tmp_path), 54321)[0]


def test_the_branch_of_a_folder_is_what_its_head_names(tmp_path: Path) -> None:
    """Also before its first commit, and whoever owns it; outside git there is none."""
    assert GitWorkspaces().branch(str(tmp_path)) == ""
    subprocess.run(["git", "init", "-q", "-b", "työ/x", str(tmp_path)], check=True, timeout=30)
    assert GitWorkspaces().branch(str(tmp_path)) == "työ/x"


def test_what_a_git_hook_left_in_the_environment_leads_nowhere_else(
    origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon that a hook started must not touch the hook's own repository, on whatever branch that is."""
    hooked = tmp_path / "hooked"
    GitWorkspaces().clone(str(origin), str(hooked), "mine", UID)
    for name, value in {"GIT_DIR": str(hooked / ".git"), "GIT_WORK_TREE": str(hooked)}.items():
        monkeypatch.setenv(name, value)
    GitWorkspaces().clone(str(origin), str(tmp_path / "clone"), "theirs", UID)
    GitWorkspaces().clone("", str(tmp_path / "empty"), "none-yet", UID)
    found = {name: GitWorkspaces().branch(str(tmp_path / name)) for name in ("hooked", "clone", "empty")}
    assert found == {"hooked": "mine", "clone": "theirs", "empty": "none-yet"}
