"""A workspace that is mounted as it is: what is decided beforehand is what the container then finds."""

import asyncio
import json
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from orchestrator.containers.engine import DockerEngine
from orchestrator.core.errors import InvalidInput
from orchestrator.core.ports import ContainerPlan, Mount
from orchestrator.workspaces.git import GitWorkspaces
from tests.acceptance.conftest import home, model, team
from tests.acceptance.team import Team, until
from tests.conftest import AGENT_UID

__all__ = ["home", "model", "team"]

pytestmark = pytest.mark.docker

OTHER = 12345
#: Owner, group and mode; then the named users and the mask of an access list, where there is one.
FOLDERS: list[tuple[int, int, int, dict[int, int], int]] = [
    *((OTHER, OTHER, mode, {}, 0) for mode in (0o700, 0o701, 0o704, 0o705, 0o755, 0o770)),
    *((OTHER, AGENT_UID, mode, {}, 0) for mode in (0o700, 0o705, 0o750, 0o751, 0o755)),
    *((AGENT_UID, AGENT_UID, mode, {}, 0) for mode in (0o700, 0o711, 0o077, 0o755, 0o111, 0o377)),
    *((AGENT_UID, group, mode, {}, 0) for group in (0, OTHER) for mode in (0o700, 0o710, 0o750)),
    *((0, 0, mode, {}, 0) for mode in (0o700, 0o605, 0o705, 0o755)),
    (OTHER, 0, 0o770, {}, 0),
    (OTHER, OTHER, 0o700, {AGENT_UID: 5}, 7),
    (OTHER, OTHER, 0o700, {AGENT_UID: 5, 0: 1}, 7),
    (OTHER, OTHER, 0o700, {AGENT_UID: 5, 0: 1}, 1),
    (OTHER, OTHER, 0o755, {AGENT_UID: 0}, 7),
    (OTHER, OTHER, 0o700, {0: 7}, 7),
    (AGENT_UID, OTHER, 0o700, {0: 1}, 7),
]

Give = Callable[[Path, int, int, int], None]


@pytest.fixture
def give(agent_image: str, tmp_path: Path) -> Iterator[Give]:
    """Gives a folder an owner, a group and a mode, as only root can; all are this user's again at the end."""

    def as_root(*argv: str) -> None:
        with closing(docker.from_env(timeout=60)) as client:
            client.containers.run(
                agent_image,
                list(argv),
                entrypoint=["env"],
                user="root",
                remove=True,
                volumes={str(tmp_path): {"bind": str(tmp_path), "mode": "rw"}},
            )

    def to(path: Path, owner: int, group: int, mode: int) -> None:
        path.chmod(mode)
        as_root("chown", f"{owner}:{group}", str(path))

    yield to
    as_root("chown", "-R", f"{os.getuid()}:{os.getgid()}", str(tmp_path))
    as_root("chmod", "-R", "u+rwx", str(tmp_path))


def allow(path: Path, named: dict[int, int], mask: int) -> None:
    """Put an access list on a folder: the owner everything, the named users what is said, nobody else."""
    entries = [(0x01, 7, -1), *((0x02, rights, uid) for uid, rights in sorted(named.items()))]
    entries += [(0x04, 0, -1), (0x10, mask, -1), (0x20, 5 if path.stat().st_mode & 0o005 else 0, -1)]
    packed = b"".join(struct.pack("<HHi", *entry) for entry in entries)
    os.setxattr(path, "system.posix_acl_access", struct.pack("<I", 2) + packed)


async def test_what_is_decided_of_a_workspace_is_what_the_container_finds(
    engine: DockerEngine, plan: ContainerPlan, tmp_path: Path, give: Give
) -> None:
    """By owner, group, mode and access list, behind a folder that nobody else may enter."""
    facts = await engine.facts()
    assert not facts.maps_users, "this test compares with an engine that maps no users"
    folders = await asyncio.to_thread(lambda: [make(tmp_path / str(n), n, give) for n in range(len(FOLDERS))])
    await asyncio.to_thread(tmp_path.chmod, 0o700)
    mounts = tuple(Mount(source=str(path), target=f"/w/{path.name}") for path in folders)
    await engine.create(replace(plan, mounts=mounts))
    await engine.start(plan.name)
    decided = [await asyncio.to_thread(admitted, path) for path in folders]
    found = [await comes_in(engine, plan, f"/w/{path.name}") for path in folders]
    told = zip(FOLDERS, decided, found, strict=True)
    assert [(folder, said, is_so) for folder, said, is_so in told if said != is_so] == []
    assert {True, False} == set(found)


def make(path: Path, number: int, give: Give) -> Path:
    owner, group, mode, named, mask = FOLDERS[number]
    path.mkdir()
    path.chmod(mode)
    if named:
        allow(path, named, mask)
    give(path, owner, group, path.stat().st_mode & 0o777)
    return path


def admitted(path: Path) -> bool:
    try:
        GitWorkspaces().check_for_agent(str(path), AGENT_UID, maps_users=False)
    except InvalidInput:
        return False
    return True


async def comes_in(engine: DockerEngine, plan: ContainerPlan, target: str) -> bool:
    """Whether the agent can go and read there."""
    line = ["sh", "-c", 'cd "$1" && ls >/dev/null', "sh", target]
    return (await engine.run(plan.name, line)).status == 0


@pytest.mark.agent
@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_a_workspace_that_the_agent_cannot_enter_is_refused_before_anything_is_made(
    team: Team, tmp_path: Path, give: Give, dry: list[str]
) -> None:
    """Exit 2, one line, and what to do; a dry run says the same."""
    given = tmp_path / "given"
    given.mkdir()
    give(given, OTHER, OTHER, 0o700)
    done = team.run("launch", "reviewer", "--workspace", str(given), *dry)
    assert (done.code, done.err.splitlines()) == refusal(given)
    assert team.ok("ps", "--all") == []


def refusal(given: Path) -> tuple[int, list[str]]:
    if os.getuid():  # who is not root cannot even look into it
        return 2, [f"error: the workspace {given} cannot be read by this user"]
    state = f"it belongs to {OTHER}:{OTHER} with mode 700"
    return 2, [
        f"error: the agent (uid {AGENT_UID}) may not come into the workspace {given}: {state}",
        f"hint: `chmod a+rx {given}`, or `--branch NAME` for a clone of the agent's own",
    ]


@pytest.mark.agent
@pytest.mark.parametrize(
    "owned", [(AGENT_UID, AGENT_UID, 0o700), (AGENT_UID, OTHER, 0o750), (OTHER, AGENT_UID, 0o770)]
)
def test_a_workspace_that_is_open_to_the_agent_alone_works(
    team: Team, tmp_path: Path, give: Give, owned: tuple[int, int, int]
) -> None:
    """Root without its power may not enter it; codex's commands and its screen are there nonetheless.

    So they are after each of them was killed, and after the whole container was.
    """
    given = tmp_path / "given"
    given.mkdir()
    give(given, *owned)
    view = team.launch("reviewer", "--workspace", str(given))
    container = team.container(view)
    assert container.exec_run(["env", "-C", "/work", "true"], user="root").exit_code
    works_there(team, view, "first")
    before = parts(team, view)
    team.inside(view, "kill", "-KILL", *before)
    until(lambda: len(parts(team, view) - before) == len(before))
    works_there(team, view, "second")
    container.kill()
    team.ok("resume-all")
    works_there(team, view, "third")


def parts(team: Team, view: dict[str, Any]) -> set[str]:
    """The pids of app-server and tmux; none while the supervisor is not ready."""
    status = json.loads((team.folder(view) / "private/status.json").read_text())
    return {str(status["app_server_pid"]), status["tmux"].split()[0]} if status["phase"] == "ready" else set()


def works_there(team: Team, view: dict[str, Any], name: str) -> None:
    """A command of codex's writes into the folder, and the screen begins there."""
    assert team.answer("reviewer", f"run pwd && echo hello > {name}") == "It said: /work"
    assert team.inside(view, "cat", f"/work/{name}", user="agent") == "hello"
    assert team.tmux(view, "#{pane_start_path} #{pane_current_path}") == "/work /work"
    until(lambda: f"echo hello > {name}" in team.ok("snapshot", "reviewer")["screen"])


@pytest.mark.agent
def test_an_origin_may_be_closed_to_the_agent(team: Team, tmp_path: Path) -> None:
    """With `--branch` it works in a clone of its own, whoever may read what that comes from."""
    origin = tmp_path / "origin"
    origin.mkdir(mode=0o700)
    GitWorkspaces().clone("", str(origin), "main", os.getuid())
    origin.chmod(0o700)
    view = team.launch("reviewer", "--workspace", str(origin), "--branch", "agents/reviewer")
    assert team.inside(view, "git", "-C", "/work", "symbolic-ref", "--short", "HEAD", user="agent") == (
        "agents/reviewer"
    )
