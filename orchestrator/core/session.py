"""One agent's life as the registry knows it: what was asked for, and where it was put."""

from dataclasses import dataclass, field
from enum import StrEnum

from orchestrator.core.policies import Policies


class Desired(StrEnum):
    """What the operator wants of a session; written before anything is done about it."""

    RUNNING = "running"
    STOPPED = "stopped"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One registry record. Times are RFC 3339 in UTC; paths are absolute on the engine's host."""

    session_id: str
    role: str
    project_id: str
    created_at: str
    desired: Desired = Desired.RUNNING
    container_name: str
    container_id: str = ""
    image: str
    agent_uid: int = 1000
    workspace: str
    branch: str = ""
    parent: str = ""
    thread_id: str = ""
    policies: Policies = field(default_factory=Policies)
    #: Names only; each is a file of the session folder, mounted at `/run/secrets/<name>`.
    secrets: tuple[str, ...] = ()
    base_url: str = ""

    @property
    def live(self) -> bool:
        return self.desired is Desired.RUNNING
