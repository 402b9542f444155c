"""Agents' workspaces: a folder that is given is checked, a clone is made with git and given to the agent."""

import errno
import os
import re
import shlex
import stat
import subprocess
from pathlib import Path

from orchestrator.core.errors import InvalidInput, OrchestratorError, TimedOut
from orchestrator.workspaces.access import Folder, access_list, judge

GIT_SECONDS = 300.0
LOOK_SECONDS = 10.0
DEFAULT_BRANCH = "main"

_POSIX_LISTS = frozenset({"system.posix_acl_access", "system.posix_acl_default"})
_NO_LIST = frozenset({errno.ENODATA, errno.EOPNOTSUPP})


class WorkspaceUnusable(OrchestratorError):
    """The workspace could not be made."""

    code = "workspace_unusable"


class GitWorkspaces:
    """The `Workspaces` port on this host's file system."""

    def check(self, path: str) -> None:
        """Whether it is a folder within this user's reach.

        Raises:
            InvalidInput: it is relative, missing, not a folder, or this user cannot read it.
        """
        given = Path(path)
        if not given.is_absolute():
            raise InvalidInput(f"the workspace {path!r} is not an absolute path")
        try:
            found = given.stat()
        except (FileNotFoundError, NotADirectoryError):
            raise InvalidInput(
                f"the workspace {path} does not exist", hint="create it, or name another one"
            ) from None
        except (OSError, ValueError) as exc:
            reason = getattr(exc, "strerror", "") or str(exc)
            raise InvalidInput(f"the workspace {path} cannot be reached by this user: {reason}") from exc
        if not stat.S_ISDIR(found.st_mode):
            raise InvalidInput(f"the workspace {path} is not a folder", hint="create it, or name another one")
        if not os.access(given, os.R_OK | os.X_OK):
            raise InvalidInput(f"the workspace {path} cannot be read by this user")

    def check_for_agent(self, path: str, agent_uid: int, *, maps_users: bool) -> list[str]:
        """Warnings about a folder that the agent is to work in itself; `access` says what is decided how.

        Raises:
            InvalidInput: the agent cannot come in, or the folder is gone by now.
        """
        try:
            folder = _look(path)
        except OSError as exc:
            raise InvalidInput(f"the workspace {path} cannot be looked at: {exc.strerror}") from exc
        return judge(path, folder, agent_uid, maps_users=maps_users)

    def check_for_clone(self, origin: str) -> None:
        """What git itself says that serves a clone; it reads no more than the repository's refs.

        Raises:
            InvalidInput: git would not clone it for this user.
        """
        try:
            _git("ls-remote", "--quiet", "--", origin, "HEAD", seconds=LOOK_SECONDS)
        except WorkspaceUnusable as exc:
            if "dubious ownership" not in exc.message:
                raise InvalidInput(f"{origin} cannot be cloned: {exc.message}") from exc
            named = re.search(r"repository at '(.*)'", exc.message)
            place = named[1] if named else origin
            trust = shlex.join(["git", "config", "--global", "--add", "safe.directory", place])
            raise InvalidInput(
                f"the workspace {origin} belongs to another user, and git does not clone it for this one",
                hint=f"if you trust it: `{trust}`",
            ) from exc

    def clone(self, origin: str, target: str, branch: str, agent_uid: int) -> None:
        """Make the agent's own clone of `origin`, or an empty repository, with `branch` checked out.

        Raises:
            InvalidInput: the origin is no git repository, or another user's, or the branch's name is none.
            WorkspaceUnusable: git failed for another reason, which is in the message.
        """
        name = branch or DEFAULT_BRANCH
        _git("check-ref-format", "--branch", name, fault=InvalidInput, what=f"{name!r} cannot name a branch")
        if origin:
            _git(
                "-C",
                origin,
                "rev-parse",
                "--git-dir",
                fault=InvalidInput,
                what=f"{origin} is no git repository",
            )
            self.check_for_clone(origin)
            _git("clone", "--quiet", "--no-hardlinks", "--", origin, target)
            known = _git("-C", target, "branch", "--remotes", "--list", f"origin/{name}")
            start = [f"origin/{name}"] if known.strip() else []
            _git("-C", target, "checkout", "--quiet", "-B", name, *start)
        else:
            _git("init", "--quiet", "-b", name, target)
        _give(Path(target), agent_uid)

    def branch(self, path: str) -> str:
        """What HEAD names; empty outside git, on no branch, or where git does not answer."""
        try:
            return _git("-C", path, "symbolic-ref", "--short", "-q", "HEAD", seconds=LOOK_SECONDS).strip()
        except OrchestratorError:
            return ""


def _look(path: str) -> Folder:
    found = Path(path).stat()
    lists = {name for name in os.listxattr(path) if "acl" in name}
    try:
        listed = access_list(os.getxattr(path, "system.posix_acl_access"))
    except ValueError:
        listed, lists = (), lists | {"unreadable"}
    except OSError as exc:
        if exc.errno not in _NO_LIST:
            raise
        listed = ()
    return Folder(
        owner=found.st_uid,
        group=found.st_gid,
        mode=found.st_mode,
        entries=listed,
        other_rules=not lists <= _POSIX_LISTS,
    )


def _git(
    *args: str,
    fault: type[OrchestratorError] = WorkspaceUnusable,
    what: str = "",
    seconds: float = GIT_SECONDS,
) -> str:
    # What a git hook that started the daemon left behind would point at the repository of that hook.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "-c", "safe.directory=*", *args],
            capture_output=True,
            timeout=seconds,
            check=False,
            encoding="utf-8",
            errors="replace",
            env=environment,
        )
    except subprocess.TimeoutExpired as exc:
        raise TimedOut(f"git {args[0]} did not end within {seconds:.0f} s") from exc
    except FileNotFoundError as exc:
        raise WorkspaceUnusable("git is not installed", hint="install git") from exc
    if done.returncode:
        said = _reason(done.stderr)
        raise fault(f"{what}: {said}" if what else f"git {args[0]}: {said}")
    return done.stdout


def _reason(stderr: str) -> str:
    """Git's own first `fatal:` line: what follows it is advice."""
    lines = [line for line in stderr.splitlines() if line.strip()] or [""]
    return next((line for line in lines if line.startswith("fatal: ")), lines[-1])


def _give(root: Path, uid: int) -> None:
    if os.geteuid() != 0:
        return
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            os.chown(Path(folder) / name, uid, uid, follow_symlinks=False)
    os.chown(root, uid, uid)
