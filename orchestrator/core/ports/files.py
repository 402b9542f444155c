"""What exists on the host: the registry, the session folders, the workspaces."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from orchestrator.core.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenRecord:
    """A registry file that cannot be read; it is left where it is."""

    path: str
    reason: str


class Registry(Protocol):
    """The session registry: what exists. Reads never wait for anything but the file system."""

    def project_id(self) -> str: ...
    def sessions(self) -> list[Session]:
        """Every readable record, oldest first."""

    def broken(self) -> list[BrokenRecord]: ...
    def get(self, session_id: str) -> Session: ...
    def put(self, session: Session) -> None:
        """Replace the record atomically."""

    def claim(self, session: Session, *, another: bool = False) -> None:
        """Put a new record, or raise `RoleBusy` where its role has a live session; `another` allows two."""

    def set_aside(self, path: str) -> str:
        """Rename a broken record so that another can take its place; the new path."""

    def remove(self, session_id: str) -> None: ...


class Folders(Protocol):
    """The session folders on the host: made, read and removed with the right owner."""

    def prepare(self, session: Session, *, config: str, secrets: Mapping[str, str]) -> None:
        """Make the folder with all its parts; `secrets` maps a name to the file it is copied from."""

    def write_order(self, session: Session) -> None:
        """Write `session.json`, what the supervisor is to run, atomically."""

    def order(self, session: Session) -> dict[str, Any]:
        """What was last written there; empty where nothing was, or it cannot be read."""

    def status(self, session: Session) -> dict[str, Any]:
        """What the supervisor last wrote into `status.json`; empty where it has not."""

    def thread_id(self, session: Session) -> str: ...
    def retire(self, session: Session) -> None:
        """Remove what only a running session needs; log, transcript and workspace stay."""

    def remove(self, session: Session) -> None: ...


class Workspaces(Protocol):
    """The folders that agents work in. All paths are on the engine's host."""

    def check(self, path: str) -> None:
        """`InvalidInput` where a path that is given is no folder, or none that this user can read."""

    def check_for_agent(self, path: str, agent_uid: int, *, maps_users: bool) -> list[str]:
        """Warnings about a folder that is mounted as it is; `InvalidInput` where the agent cannot come in.

        `maps_users` is the engine's, see `EngineFacts`.
        """

    def check_for_clone(self, origin: str) -> None:
        """`InvalidInput` where a repository would not be cloned for this user."""

    def clone(self, origin: str, target: str, branch: str, agent_uid: int) -> None:
        """Make the agent's own clone of a repository (or an empty one) on a branch of its own."""

    def branch(self, path: str) -> str:
        """The branch that is checked out there; empty outside git."""
