"""The thread of the session: what to ask of codex at its start and resume, and whether codex agreed. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.supervisor.order import Order

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Policy:
    """Sandbox and approval policy in codex's words of its answers."""

    sandbox: str
    approval: str

    def __str__(self) -> str:
        return f"sandbox {self.sandbox} with approval {self.approval}"


def start_params(order: Order) -> dict[str, Any]:
    """For `thread/start`."""
    params = policies(order)
    if order.developer_instructions:
        params["developerInstructions"] = order.developer_instructions
    return params


def resume_params(order: Order, thread_id: str) -> dict[str, Any]:
    """For `thread/resume`: codex keeps the approval policy but forgets the sandbox, so both go again."""
    return {"threadId": thread_id, "excludeTurns": True, **policies(order)}


def policies(order: Order) -> dict[str, Any]:
    params: dict[str, Any] = {
        "cwd": order.cwd,
        "sandbox": order.sandbox.value,
        "approvalPolicy": order.approval.value,
    }
    if order.model:
        params["model"] = order.model
    if order.reasoning is not None:
        params["config"] = {"model_reasoning_effort": order.reasoning.value}
    return params


def echo(result: Mapping[str, Any]) -> Policy:
    """What codex says that it applied."""
    sandbox = result.get("sandbox")
    kind = sandbox.get("type", "") if isinstance(sandbox, dict) else sandbox
    return Policy(str(kind), str(result.get("approvalPolicy", "")))


def wanted(order: Order) -> Policy:
    return Policy(order.sandbox.echoed, order.approval.value)


def is_side_thread(thread: Mapping[str, Any]) -> bool:
    """A thread that is nobody's conversation: the TUI asks for titles in one."""
    return bool(thread.get("ephemeral")) or thread.get("threadSource") == "thread_title"


def is_conversation(thread: Mapping[str, Any]) -> bool:
    """A thread that a person opened in codex's screen, with `/new` for one."""
    return not is_side_thread(thread) and not thread.get("parentThreadId")


def thread_file(thread_id: str, created_at: str) -> dict[str, Any]:
    return {"schema": SCHEMA, "thread_id": thread_id, "created_at": created_at}
