"""Workspaces on real git."""

import os
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from orchestrator.core.errors import InvalidInput
from orchestrator.workspaces.git import GitWorkspaces

UID = 1000 if os.geteuid() == 0 else os.geteuid()
NOBODY = 65534


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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_what_git_does_not_clone_because_it_is_anothers_is_refused_in_one_line(
    origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the workspace of another session is; with what to type where it is trusted, which then holds."""
    for path in (origin, *origin.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    workspaces, target = GitWorkspaces(), str(tmp_path / "c")
    calls = (
        partial(workspaces.check_for_clone, str(origin)),
        partial(workspaces.clone, str(origin), target, "x", UID),
    )
    for call in calls:
        with pytest.raises(InvalidInput) as refused:
            call()
        assert refused.value.message == (
            f"the workspace {origin} belongs to another user, and git does not clone it for this one"
        )
    assert not (tmp_path / "c").exists()
    monkeypatch.setenv("HOME", str(tmp_path))
    subprocess.run(refused.value.hint.split("`")[1], shell=True, check=True, timeout=30)  # noqa: S602 - as typed
    workspaces.clone(str(origin), target, "x", UID)


def test_a_folder_inside_a_repository_is_refused_before_anything_is_made(
    origin: Path, tmp_path: Path
) -> None:
    """Git clones whole repositories; what is one passes, also where it has no commit yet."""
    (origin / "inside").mkdir()
    with pytest.raises(InvalidInput, match="inside cannot be cloned: git ls-remote: fatal: "):
        GitWorkspaces().check_for_clone(str(origin / "inside"))
    git(tmp_path, "init", "-q", "empty")
    for whole in (origin, tmp_path / "empty"):
        GitWorkspaces().check_for_clone(str(whole))


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
            GitWorkspaces().check(path)


def test_a_workspace_that_this_user_cannot_reach_is_refused(tmp_path: Path) -> None:
    """A path with no end is as much out of reach as one behind a closed folder."""
    (tmp_path / "loop").symlink_to("loop")
    for path in (tmp_path / "loop", tmp_path / ("x" * 300), tmp_path / "nul\0"):
        with pytest.raises(InvalidInput, match="cannot be reached by this user"):
            GitWorkspaces().check(str(path))


def test_a_workspace_behind_a_closed_folder_is_refused_to_a_user_without_roots_power(tmp_path: Path) -> None:
    """In one line, as any other."""
    (tmp_path / "closed" / "in").mkdir(parents=True)
    (tmp_path / "closed").chmod(0o000)
    try:
        with unprivileged(), pytest.raises(InvalidInput, match="by this user: Permission denied"):
            GitWorkspaces().check(str(tmp_path / "closed" / "in"))
    finally:
        (tmp_path / "closed").chmod(0o700)


@contextmanager
def unprivileged() -> Iterator[None]:
    """As a user without root's power over files."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """A folder that is open to read and to enter."""
    folder = tmp_path / "given"
    folder.mkdir()
    folder.chmod(0o755)
    return folder


def test_a_workspace_of_another_owner_is_warned_about(given: Path) -> None:
    """The agent works under its own uid."""
    assert GitWorkspaces().check_for_agent(str(given), os.geteuid(), maps_users=False) == []
    said = GitWorkspaces().check_for_agent(str(given), 54321, maps_users=False)
    assert said == [
        f"{given} belongs to uid {os.geteuid()}; the agent works as uid 54321 and may not write there"
    ]


def test_a_workspace_that_is_closed_to_the_agent_is_refused_with_what_to_do(given: Path) -> None:
    """As its bits are; the folders above it do not matter, since the engine mounts it."""
    given.chmod(0o700)
    with pytest.raises(
        InvalidInput, match=r"the agent \(uid 54321\) may not come into the workspace"
    ) as caught:
        GitWorkspaces().check_for_agent(str(given), 54321, maps_users=False)
    assert caught.value.hint == f"`chmod a+rx {given}`, or `--branch NAME` for a clone of the agent's own"
    given.chmod(0o755)
    given.parent.chmod(0o700)
    assert GitWorkspaces().check_for_agent(str(given), 54321, maps_users=False) != []


def test_an_access_list_lets_in_whom_the_bits_would_not(given: Path) -> None:
    """It is the folder's own that is read."""
    given.chmod(0o700)
    listed = [(0x01, 7, -1), (0x02, 5, 54321), (0x02, 1, 0), (0x04, 0, -1), (0x10, 5, -1), (0x20, 0, -1)]
    packed = b"".join(struct.pack("<HHi", *entry) for entry in listed)
    os.setxattr(given, "system.posix_acl_access", struct.pack("<I", 2) + packed)
    assert len(GitWorkspaces().check_for_agent(str(given), 54321, maps_users=False)) == 1
    with pytest.raises(InvalidInput, match="may not come into"):
        GitWorkspaces().check_for_agent(str(given), 54322, maps_users=False)


def test_a_workspace_that_vanished_is_refused(given: Path) -> None:
    """Between two looks at it."""
    given.rmdir()
    with pytest.raises(InvalidInput, match="No such file"):
        GitWorkspaces().check_for_agent(str(given), UID, maps_users=False)


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
