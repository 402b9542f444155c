"""What an order is checked for before anything is done about it, and the steps that a launch would take.

Both the launch and its dry run are checked here, so that they refuse the same with the same words.
"""

import os
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from orchestrator.core.errors import InvalidInput, RoleBusy
from orchestrator.core.places import CODEX_HOME, CODEX_LOGIN, SECRETS, Home
from orchestrator.core.policies import Limits
from orchestrator.core.ports import ContainerPlan, Outlook
from orchestrator.core.secret_files import check_kind, check_name, check_size, unreadable
from orchestrator.core.session import Session
from orchestrator.sessions.step import Step
from orchestrator.sessions.world import World

#: With less the supervisor and codex do not come up. Bytes, processors, processes.
LEAST_MEMORY = 64 * 1024**2
LEAST_CPUS = 0.01
LEAST_PIDS = 32
#: What an engine's API can hold, and what Linux can count.
MOST_MEMORY = 2**63 - 1
MOST_PIDS = 2**22
GIB = 1024**3

_NO_REF = re.compile(r"^[-/.]|[\x00-\x20\x7f~^:?*\[\\]|\.\.|//|/\.|@\{|\.lock(?:/|$)|[/.]$|^@$")


def login(file: str) -> str:
    """The file of codex's own login, or `InvalidInput` where there is none."""
    if file and Path(file).is_file():
        return file
    raise InvalidInput(
        "there is no login for the model",
        hint="`codex login`, or `--secret codex-auth=FILE`, or set model.base_url to another endpoint",
    )


def check_limits(limits: Limits) -> None:
    """`InvalidInput` where a limit leaves no room for a session, wherever it was set."""
    if limits.memory < LEAST_MEMORY:
        raise InvalidInput(
            f"{limits.memory:,} bytes of memory are too few: a session needs 64m",
            hint="`--memory 2g`, or the setting agent.memory",
        )
    if limits.memory > MOST_MEMORY:
        raise InvalidInput(
            f"{limits.memory:,} bytes of memory are more than any engine has",
            hint="`--memory 2g`, or the setting agent.memory",
        )
    if not limits.cpus >= LEAST_CPUS:
        raise InvalidInput(
            f"{limits.cpus:g} processors are too few: a session needs {LEAST_CPUS:g}",
            hint="`--cpus 2`, or the setting agent.cpus",
        )
    if limits.pids < LEAST_PIDS:
        raise InvalidInput(
            f"{limits.pids} processes are too few: a session needs {LEAST_PIDS}",
            hint="`--pids 512`, or the setting agent.pids",
        )
    if limits.pids > MOST_PIDS:
        raise InvalidInput(
            f"{limits.pids:,} processes are more than Linux can have: {MOST_PIDS:,}",
            hint="`--pids 512`, or the setting agent.pids",
        )


def check_room(limits: Limits, engine: Outlook) -> None:
    """`InvalidInput` where a limit is more than the engine's whole machine.

    A machine's memory is a little less than what it is called after, so it counts in whole GiB, rounded up.
    """
    if limits.cpus > engine.cpus:
        raise InvalidInput(
            f"{limits.cpus:g} processors are more than the engine has: {engine.cpus}",
            hint=f"`--cpus {engine.cpus}` at most, or the setting agent.cpus",
        )
    there = -(-engine.memory // GIB)
    if there and limits.memory > there * GIB:
        raise InvalidInput(
            f"{limits.memory:,} bytes of memory are more than the engine has: {there} GiB",
            hint=f"`--memory {there}g` at most, or the setting agent.memory",
        )


def check_branch(name: str) -> None:
    """`InvalidInput` where git could not name a branch so; empty means none was named."""
    if name and _NO_REF.search(name):
        raise InvalidInput(f"{name!r} cannot name a branch", hint="write it like agents/reviewer")


def check_origin(path: str) -> None:
    """`InvalidInput` where git would find no repository to clone."""
    folder = Path(path)
    bare = all((folder / part).exists() for part in ("HEAD", "objects", "refs"))
    if not bare and not any((place / ".git").exists() for place in (folder, *folder.parents)):
        raise InvalidInput(
            f"{path} is no git repository", hint="`git init` there, or leave `--branch` out to work in it"
        )


def check_files(secrets: Mapping[str, str]) -> None:
    """`InvalidInput` where a secret has no name or file that can be used; no content is ever told."""
    for name, path in secrets.items():
        check_name(name)
        try:
            found = Path(path).stat()
        except (OSError, ValueError) as exc:
            raise unreadable(name, path, getattr(exc, "strerror", "") or str(exc)) from exc
        check_kind(name, path, found.st_mode)
        if not os.access(path, os.R_OK):
            raise unreadable(name, path, "Permission denied")
        check_size(name, path, found.st_size)


def check_apart(home: Home, workspace: str, *, own_clone: bool) -> None:
    """`InvalidInput` where a workspace, mounted as it is, would show the agent other sessions' folders."""
    mounted = PurePosixPath(workspace)
    kept = (home.registry, home.outputs)
    if own_clone or not any(k.is_relative_to(mounted) or mounted.is_relative_to(k) for k in kept):
        return
    raise InvalidInput(
        f"the workspace {workspace} holds the sessions' own folders, or lies in them",
        hint="`--branch NAME` gives the agent a clone of its own",
    )


def live_one(role: str, sessions: Iterable[Session], launching: Container[str]) -> Session | None:
    """A live session of the role; what a launch that was cut off left is none."""
    for session in sessions:
        there = session.container_id or session.session_id in launching
        if session.role == role and session.live and there:
            return session
    return None


def check_role_free(role: str, sessions: Iterable[Session], launching: Container[str]) -> None:
    """`RoleBusy` where a live session has the role."""
    if session := live_one(role, sessions, launching):
        raise RoleBusy(
            f"{role} has a live session, {session.session_id}",
            hint="`orchestrator send` to it, or launch with `--another`",
        )


def launch_steps(
    world: World,
    session: Session,
    *,
    origin: str,
    secrets: Mapping[str, str],
    missing: Sequence[str],
    prompted: bool,
) -> list[Step]:
    """From the record to the started container; `missing` are the command lines that get a missing image."""
    folder = world.home.folder(session.role, session.session_id)
    steps = [Step("files", f"write {world.home.registry}/{session.session_id}.json")]
    steps += [Step("engine", line) for line in missing]
    steps.append(Step("files", f"make {folder.root}"))
    for name, path in sorted(secrets.items()):
        lands = f"{CODEX_HOME}/auth.json" if name == CODEX_LOGIN else f"{SECRETS}/{name}"
        steps.append(Step("files", f"copy the secret {name} from {path}; the container has it at {lands}"))
    if session.workspace == str(folder.workspace):
        what = f"clone {origin} to" if origin else "make an empty repository in"
        branch = f"on branch {session.branch or 'main'}"
        steps.append(Step("files", f"{what} {folder.workspace} {branch}"))
    if prompted:
        steps.append(Step("files", f"store the first message in {world.home.database}"))
    planned = world.plan(session)
    network, *container = world.describe.create(planned)
    steps.append(Step("engine", network))
    steps += [Step("engine", line) for line in (*_words(session, planned), *container)]
    return steps


def _words(session: Session, planned: ContainerPlan) -> list[str]:
    """The container for people; the command behind it is what counts."""
    return [
        f"container {planned.name} of the image {planned.image or 'of this version'}",
        f"  user: root for the supervisor, uid {session.agent_uid} for codex; environment: the image's own",
        f"  limits: memory {planned.memory:,} bytes, {planned.cpus:g} processors, {planned.pids} processes",
        *(f"  mount: {m.source} at {m.target}{', read-only' * m.read_only}" for m in planned.mounts),
    ]
