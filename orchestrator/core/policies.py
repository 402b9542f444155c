"""What an agent may do and use, and which wall holds it."""

from dataclasses import dataclass, field
from enum import StrEnum


class Sandbox(StrEnum):
    """Codex's own sandbox around the agent's commands; the values are codex's."""

    READ_ONLY = "read-only"
    WORKSPACE_WRITE = "workspace-write"
    FULL_ACCESS = "danger-full-access"

    @property
    def echoed(self) -> str:
        """The name that codex answers with in `thread/start` and `thread/resume`."""
        head, *tail = self.value.split("-")
        return head + "".join(word.capitalize() for word in tail)


class Approval(StrEnum):
    """When codex asks before it acts; the values are codex's."""

    UNTRUSTED = "untrusted"
    ON_REQUEST = "on-request"
    NEVER = "never"


class Reasoning(StrEnum):
    """How long the model thinks; the values are codex's."""

    MINIMAL = "minimal"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    XHIGH = "xhigh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the container may use: memory in bytes, processors, processes."""

    memory: int = 2 * 1024**3
    cpus: float = 2.0
    pids: int = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """What a session runs with; re-passed to codex at every resume and checked against its echo."""

    model: str = ""
    reasoning: Reasoning | None = None
    sandbox: Sandbox = Sandbox.FULL_ACCESS
    approval: Approval = Approval.NEVER
    developer_instructions: str = ""
    limits: Limits = field(default_factory=Limits)

    @property
    def approvals_are_advisory(self) -> bool:
        """An agent that codex does not confine can reach its own app-server and answer for you."""
        return self.approval is not Approval.NEVER and self.sandbox is Sandbox.FULL_ACCESS
