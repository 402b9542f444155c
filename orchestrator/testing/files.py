"""The in-memory twins of what lies in files: registry, folders, workspaces.

They follow the ports' rules and keep nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.core.errors import InvalidInput, RecordCorrupt, RoleBusy, SessionNotFound
from orchestrator.core.ports import BrokenRecord
from orchestrator.core.session import Session
from orchestrator.testing.failing import Failing


class InMemoryRegistry(Failing):
    """Records in a dictionary; `spoil` makes one unreadable."""

    def __init__(self, project_id: str = "0badcafe") -> None:
        super().__init__()
        self._project_id = project_id
        self._records: dict[str, Session] = {}
        self._broken: dict[str, BrokenRecord] = {}

    def spoil(self, session_id: str) -> str:
        """Let its file be unreadable from now on; the path of the file."""
        path = f"{session_id}.json"
        self._broken[path] = BrokenRecord(path=path, reason="it is not a JSON object")
        return path

    def project_id(self) -> str:
        return self._project_id

    def sessions(self) -> list[Session]:
        whole = [s for s in self._records.values() if f"{s.session_id}.json" not in self._broken]
        return sorted(whole, key=lambda s: (s.created_at, s.session_id))

    def broken(self) -> list[BrokenRecord]:
        return [self._broken[path] for path in sorted(self._broken)]

    def get(self, session_id: str) -> Session:
        if f"{session_id}.json" in self._broken:
            raise RecordCorrupt(f"{session_id}.json: it is not a JSON object")
        if session_id not in self._records:
            raise SessionNotFound(f"there is no session {session_id!r}")
        return self._records[session_id]

    def put(self, session: Session) -> None:
        self._fail()
        self._broken.pop(f"{session.session_id}.json", None)
        self._records[session.session_id] = session

    def claim(self, session: Session, *, another: bool = False) -> None:
        live = [s for s in self.sessions() if s.role == session.role and s.live]
        if live and not another:
            raise RoleBusy(f"{session.role} has a live session, {live[0].session_id}")
        self.put(session)

    def set_aside(self, path: str) -> str:
        self._fail()
        del self._broken[path]
        self._records.pop(path.removesuffix(".json"), None)
        return f"{path}.corrupt-1"

    def remove(self, session_id: str) -> None:
        self._fail()
        self._records.pop(session_id, None)
        self._broken.pop(f"{session_id}.json", None)


@dataclass(slots=True)
class MemoryFolder:
    """What a session's folder holds."""

    config: str = ""
    secrets: dict[str, str] = field(default_factory=dict)
    order: Session | None = None
    status: dict[str, Any] = field(default_factory=dict)
    thread_id: str = ""
    retired: bool = False


class InMemoryFolders(Failing):
    """`folder` is what a supervisor or an agent would write to; `files` are those that secrets come from."""

    def __init__(self, files: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.files = dict(files or {})
        self._folders: dict[str, MemoryFolder] = {}

    def folder(self, session: Session) -> MemoryFolder:
        return self._folders.setdefault(session.session_id, MemoryFolder())

    def prepare(self, session: Session, *, config: str, secrets: Mapping[str, str]) -> None:
        self._fail()
        for name, path in secrets.items():
            if path not in self.files:
                raise InvalidInput(f"the file of secret {name!r} cannot be read: {path}")
        folder = self.folder(session)
        folder.config, folder.retired = config, False
        folder.secrets = {name: self.files[path] for name, path in secrets.items()}

    def write_order(self, session: Session) -> None:
        self._fail()
        self.folder(session).order = session

    def order(self, session: Session) -> dict[str, Any]:
        order = self._look(session).order
        return {} if order is None else {"desired": order.desired.value, "thread_id": order.thread_id}

    def status(self, session: Session) -> dict[str, Any]:
        return dict(self._look(session).status)

    def thread_id(self, session: Session) -> str:
        return self._look(session).thread_id

    def retire(self, session: Session) -> None:
        self._fail()
        if session.session_id in self._folders:
            self._folders[session.session_id] = MemoryFolder(retired=True)

    def remove(self, session: Session) -> None:
        self._fail()
        self._folders.pop(session.session_id, None)

    def _look(self, session: Session) -> MemoryFolder:
        return self._folders.get(session.session_id, MemoryFolder())


class InMemoryWorkspaces(Failing):
    """`known` are the folders that exist, with the warnings about each; `clones` what was cloned to where."""

    def __init__(self, known: Mapping[str, Sequence[str]] | None = None) -> None:
        super().__init__()
        self.known = {path: list(warnings) for path, warnings in (known or {}).items()}
        self.clones: dict[str, tuple[str, str]] = {}

    def check(self, path: str) -> None:
        if not path.startswith("/"):
            raise InvalidInput(f"the workspace {path!r} is not an absolute path")
        if path not in self.known:
            raise InvalidInput(f"the workspace {path} does not exist", hint="create it, or name another one")

    def check_for_agent(self, path: str, agent_uid: int, *, maps_users: bool) -> list[str]:  # noqa: ARG002 - the port's
        return list(self.known[path])

    def check_for_clone(self, origin: str) -> None:
        self._known(origin)

    def _known(self, origin: str) -> None:
        if origin not in self.known:
            raise InvalidInput(f"{origin} is no git repository")

    def clone(self, origin: str, target: str, branch: str, agent_uid: int) -> None:  # noqa: ARG002 - the port's
        self._fail()
        if origin:
            self._known(origin)
        self.known[target] = []
        self.clones[target] = (origin, branch or "main")

    def branch(self, path: str) -> str:
        return self.clones[path][1] if path in self.clones else ""
