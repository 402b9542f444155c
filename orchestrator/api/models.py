"""What the HTTP API takes and gives. The answers' fields are fixed: programs read them by name."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from orchestrator.core.policies import Approval, Reasoning, Sandbox
from orchestrator.core.receipt import Mode, Receipt, Route
from orchestrator.core.words import LONGEST_LINE, LONGEST_NAME, MOST_TAGS, is_one_line
from orchestrator.sessions.launch_all import Launching
from orchestrator.sessions.observe import View


def _one_line(text: str) -> str:
    """It will stand in logs, labels and notes, where a control character could pass for something else."""
    if not is_one_line(text):
        raise ValueError("it must be one line of text without control characters")
    return text


def _utf8(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        raise ValueError("it must be text that UTF-8 can hold") from exc
    return text


def _no_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("it must not contain NUL")
    return _utf8(text)


Line = Annotated[str, Field(max_length=LONGEST_LINE), AfterValidator(_one_line)]
Name = Annotated[str, Field(max_length=LONGEST_NAME), AfterValidator(_one_line)]
HostPath = Annotated[str, Field(max_length=LONGEST_LINE), AfterValidator(_no_nul)]
Text = Annotated[str, AfterValidator(_utf8)]


class Request(BaseModel):
    """A request body; an unknown field is an error, not a wish that is passed over."""

    model_config = ConfigDict(extra="forbid")


class LaunchOptions(Request):
    """What a launch may be told. What is left out is as the role's table or the settings say.

    Memory is in bytes.
    """

    workspace: HostPath = ""
    branch: Line = ""
    model: Line = ""
    reasoning: Reasoning | None = None
    sandbox: Sandbox | None = None
    approval: Approval | None = None
    developer_instructions: Text = ""
    image: Line = ""
    secrets: dict[str, HostPath] = Field(default_factory=dict)
    memory: int | None = None
    cpus: float | None = Field(default=None, allow_inf_nan=False)
    pids: int | None = None
    parent: Name = ""
    base_url: Line = ""
    sender: Name = Field(default="operator", alias="from", min_length=1)
    dry_run: bool = False


class LaunchRequest(LaunchOptions):
    """`POST /v1/sessions`."""

    role: str
    prompt: Text = ""
    another: bool = False


class LaunchAllRequest(LaunchOptions):
    """`POST /v1/launch-all`: what holds for every role of the settings."""


class InputRequest(Request):
    """`POST /v1/sessions/{session}/input`."""

    text: Text
    mode: Mode = Mode.QUEUE
    route: Route = Route.AUTO
    sender: Name = Field(default="operator", alias="from", min_length=1)
    tags: tuple[Name, ...] = Field(default=(), max_length=MOST_TAGS)
    system: bool = False
    dry_run: bool = False


class DryRun(Request):
    """A body that only says whether to act."""

    dry_run: bool = False


def session_view(view: View) -> dict[str, Any]:
    session, state = view.session, view.state
    policies = session.policies
    return {
        "session_id": session.session_id,
        "role": session.role,
        "state": state.activity.value,
        "since": state.since,
        "source": state.source,
        "age_s": view.age_s,
        "turn_id": state.turn_id,
        "doing": state.doing,
        "desired": session.desired.value,
        "container_id": session.container_id,
        "container_name": session.container_name,
        "container_state": view.container_state,
        "thread_id": session.thread_id,
        "branch": session.branch,
        "workspace": session.workspace,
        "image": session.image,
        "parent": session.parent,
        "created_at": session.created_at,
        "model": policies.model,
        "reasoning": policies.reasoning.value if policies.reasoning else None,
        "sandbox": policies.sandbox.value,
        "approval": policies.approval.value,
        "queued": view.queued,
        "walls": dict(view.walls),
        "warnings": list(view.warnings),
    }


def launching_view(found: Launching) -> dict[str, Any]:
    """One role's part of a launch of all."""
    fault = found.fault
    warnings = (*(found.seen.warnings if found.seen else ()), *found.warnings)
    return {
        "role": found.role,
        "ok": fault is None,
        "action": found.came.value,
        "session": session_view(found.seen) if found.seen else None,
        "error": {"code": fault.code, "message": fault.message, "hint": fault.hint} if fault else None,
        "warnings": list(dict.fromkeys(warnings)),
    }


def receipt_view(receipt: Receipt) -> dict[str, Any]:
    return {
        "message_id": receipt.message_id,
        "session_id": receipt.session_id,
        "state": receipt.state.value,
        "route": receipt.route.value if receipt.route else None,
        "turn_id": receipt.turn_id,
        "mode": receipt.mode.value,
        "from": receipt.sender,
        "reason": receipt.reason,
        "created_at": receipt.created_at,
        "updated_at": receipt.updated_at,
    }
