"""Session folders on the host: made with the right owner and modes, read, and removed.

What the container's user must reach belongs to its uid; the rest to whoever runs the daemon.
"""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.core.errors import OrchestratorError
from orchestrator.core.places import CODEX_LOGIN, WORK, Home, SessionFolder
from orchestrator.core.secret_files import LARGEST_SECRET, check_kind, check_name, check_size, unreadable
from orchestrator.core.session import Session
from orchestrator.store import atomic

SCHEMA = 1
GIT_SECONDS = 10.0


class FileFolders:
    """The `Folders` port under `outputs/agents/` of a data directory."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def prepare(self, session: Session, *, config: str, secrets: Mapping[str, str]) -> None:
        """Make the folder with all its parts.

        Raises:
            InvalidInput: a secret's file cannot be read; the message has its name, never its content.
            StoreUnwritable: the disk or the folder's owner does not let it be made.
        """
        contents = {name: _secret(name, path) for name, path in secrets.items()}
        folder = self._folder(session)
        with atomic.writing(folder.root):
            _make_parts(folder, session.agent_uid)
            _fill(folder, session.agent_uid, config, contents)

    def write_order(self, session: Session) -> None:
        policies = session.policies
        order = {
            "schema": SCHEMA,
            "session_id": session.session_id,
            "role": session.role,
            "desired": session.desired.value,
            "cwd": WORK,
            "model": policies.model,
            "reasoning": policies.reasoning.value if policies.reasoning else None,
            "sandbox": policies.sandbox.value,
            "approval": policies.approval.value,
            "developer_instructions": policies.developer_instructions,
            "thread_id": session.thread_id,
        }
        path = Path(self._folder(session).session_file)
        atomic.replace(path, json.dumps(order, indent=2).encode() + b"\n", uid=session.agent_uid)

    def order(self, session: Session) -> dict[str, Any]:
        try:
            return _json(Path(self._folder(session).session_file))
        except OrchestratorError:
            return {}

    def status(self, session: Session) -> dict[str, Any]:
        return _json(Path(self._folder(session).status_file))

    def thread_id(self, session: Session) -> str:
        return str(_json(Path(self._folder(session).thread_file)).get("thread_id", ""))

    def retire(self, session: Session) -> None:
        folder = self._folder(session)
        for part in (folder.secrets, folder.codex_home, folder.private):
            _drop(Path(part))

    def remove(self, session: Session) -> None:
        root = Path(self._folder(session).root)
        _drop(root)
        try:
            root.parent.rmdir()
        except OSError:
            return  # the role has other sessions

    def _folder(self, session: Session) -> SessionFolder:
        return self._home.folder(session.role, session.session_id)


def _make_parts(folder: SessionFolder, uid: int) -> None:
    Path(folder.root).mkdir(parents=True, exist_ok=True)
    for part, mode in ((folder.private, 0o700), (folder.codex_home, 0o700), (folder.workspace, 0o755)):
        _make(Path(part), mode, uid)
    log = Path(folder.pane_log)
    log.touch(mode=0o644)
    _give(log, uid)


def _fill(folder: SessionFolder, uid: int, config: str, contents: dict[str, bytes]) -> None:
    atomic.replace(Path(folder.codex_home / "config.toml"), config.encode(), uid=uid)
    login = contents.pop(CODEX_LOGIN, None)
    if login is not None:
        atomic.replace(Path(folder.codex_home / "auth.json"), login, uid=uid)
    if contents:
        _make(Path(folder.secrets), 0o700, uid)
    for name, data in contents.items():
        atomic.replace(Path(folder.secrets / name), data, mode=0o400, uid=uid)


def _secret(name: str, path: str) -> bytes:
    """What is in the file; only a regular one of a sane size is read, so that nothing hangs."""
    check_name(name)
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            check_kind(name, path, os.fstat(file.fileno()).st_mode)
            data = file.read(LARGEST_SECRET + 1)
    except OSError as exc:
        raise unreadable(name, path, exc.strerror or str(exc)) from exc
    check_size(name, path, len(data))
    return data


def _without_waiting(path: str, flags: int) -> int:
    """A pipe without a writer would be waited for."""
    return os.open(path, flags | os.O_NONBLOCK)


def _make(path: Path, mode: int, uid: int) -> None:
    path.mkdir(exist_ok=True)
    path.chmod(mode)
    _give(path, uid)


def _give(path: Path, uid: int) -> None:
    if uid != os.geteuid():
        os.chown(path, uid, uid)


def _drop(path: Path) -> None:
    try:
        try:
            shutil.rmtree(path)
        except PermissionError:
            _open_up(path)
            shutil.rmtree(path)
    except FileNotFoundError:
        return
    except OSError as exc:
        raise OrchestratorError(
            f"{exc.filename or path} could not be removed: {exc.strerror}",
            hint="the container's user may have made it; remove it as that user",
        ) from exc


def _open_up(root: Path) -> None:
    """Give the owner back what the agent took from folders of its own, such as a read-only package cache."""
    root.chmod(0o700)
    for folder, folders, _ in os.walk(root):
        for name in folders:
            path = Path(folder) / name
            if not path.is_symlink():
                path.chmod(0o700)


def _json(path: Path) -> dict[str, Any]:
    """The object in a file that another process replaces atomically; empty where there is none."""
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as exc:
        raise OrchestratorError(f"{path} cannot be read: {exc}") from exc
    return value if isinstance(value, dict) else {}
