"""What the daemon answers, field by field: the documented shapes of every `--json` document.

Plain dictionaries at run time. A field more than these is no error: a newer daemon may say more.
"""

from typing import Any, NotRequired, TypedDict

JSON = dict[str, Any]


class EngineAnswer(TypedDict):
    ok: bool
    version: str
    detail: str


class DaemonAnswer(TypedDict):
    pid: int
    version: str
    home: str
    project_id: str
    started_at: str
    runtime: str
    socket: str
    systemd: str | None
    sessions: int
    engine: EngineAnswer


class SessionView(TypedDict):
    """One session. `queued` counts the messages that are queued, written or accepted: those still to come."""

    session_id: str
    role: str
    state: str
    since: str
    source: str
    age_s: float
    turn_id: str
    doing: str
    desired: str
    container_id: str
    container_name: str
    container_state: str
    thread_id: str
    branch: str
    workspace: str
    image: str
    parent: str
    created_at: str
    model: str
    reasoning: str | None
    sandbox: str
    approval: str
    queued: int
    walls: JSON
    warnings: list[str]


class LaunchAnswer(SessionView):
    """The session, and the message that its prompt became (null without a prompt)."""

    message_id: str | None


class LaunchFault(TypedDict):
    code: str
    message: str
    hint: str


class LaunchAllAnswer(TypedDict):
    """One role: `action` is `launched`, `live already` or `failed`; where it is not up, `error` says why."""

    role: str
    ok: bool
    action: str
    session: SessionView | None
    error: LaunchFault | None
    warnings: list[str]


class PlanStep(TypedDict):
    who: str
    what: str


class Plan(TypedDict):
    """The answer to anything asked with `dry_run`."""

    plan: list[PlanStep]


class TurnAnswer(TypedDict):
    turn_id: str
    status: str
    answer: str
    tokens: JSON
    files: list[str]
    duration_ms: int | None
    error: JSON | None


ReceiptView = TypedDict(
    "ReceiptView",
    {
        "message_id": str,
        "session_id": str,
        "state": str,
        "route": str | None,
        "turn_id": str,
        "mode": str,
        "from": str,
        "reason": str,
        "created_at": str,
        "updated_at": str,
        "turn": NotRequired[TurnAnswer],
    },
)

EnvelopeView = TypedDict(
    "EnvelopeView",
    {
        "schema": int,
        "seq": int,
        "timestamp": str,
        "session_id": str,
        "role": str,
        "branch": str,
        "direction": str,
        "from": str,
        "to": str,
        "type": str,
        "turn_id": str,
        "item_id": str,
        "requires_operator": bool,
        "tags": list[str],
        "text": str,
        "data": JSON,
    },
)


class InterruptAnswer(TypedDict):
    session_id: str
    interrupted: bool
    turn_id: str


class SnapshotAnswer(TypedDict):
    session_id: str
    role: str
    state: str
    screen: str
    screen_error: str
    transcript: list[EnvelopeView]
    next_seq: int


class EventsPage(TypedDict):
    events: list[EnvelopeView]
    next_seq: int
    oldest_seq: int


class AttachAnswer(TypedDict):
    argv: list[str]


class StopAnswer(TypedDict):
    session_id: str
    state: str
    desired: str
    container_state: str


class RemoveAnswer(TypedDict):
    session_id: str
    removed: bool


class ResumeAnswer(TypedDict):
    session_id: str
    role: str
    found: str
    action: str
    ok: bool
    detail: str
    next: str


class BrokenAnswer(TypedDict):
    path: str
    reason: str


class VerifyAnswer(TypedDict):
    sessions: int
    broken: list[BrokenAnswer]
    missing: list[str]


class RebuildAnswer(TypedDict):
    rebuilt: list[str]
    set_aside: list[str]


class Check(TypedDict):
    name: str
    status: str
    detail: str
    fix: str


class DoctorAnswer(TypedDict):
    ok: bool
    checks: list[Check]


LaunchRequest = TypedDict(
    "LaunchRequest",
    {
        "role": str,
        "prompt": str,
        "workspace": str,
        "model": str,
        "reasoning": str,
        "sandbox": str,
        "approval": str,
        "image": str,
        "secrets": dict[str, str],
        "memory": int,
        "cpus": float,
        "pids": int,
        "parent": str,
        "branch": str,
        "another": bool,
        "base_url": str,
        "developer_instructions": str,
        "from": str,
    },
    total=False,
)
"""What `launch` asks for; only the role is needed, the rest has defaults in the settings."""
