"""What to run, as the daemon ordered it in `session.json`; read at the start and again at a SIGTERM."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.core.identity import is_session_id
from orchestrator.core.policies import Approval, Reasoning, Sandbox
from orchestrator.core.session import Desired

SCHEMA = 1

_THREAD_ID = re.compile(r"[0-9a-fA-F-]{8,64}")


class BadOrder(ValueError):
    """The order cannot be followed; `args[0]` says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One session's orders. An empty `model` leaves the choice to codex's config."""

    session_id: str
    role: str
    desired: Desired
    cwd: str
    model: str
    reasoning: Reasoning | None
    sandbox: Sandbox
    approval: Approval
    developer_instructions: str
    thread_id: str


def parse(value: Mapping[str, Any]) -> Order:
    """The order.

    Raises:
        BadOrder: of another schema, incomplete, or with a name that no part could take.
    """
    try:
        if value["schema"] != SCHEMA:
            raise BadOrder(f"schema {value['schema']!r}, not {SCHEMA}")
        order = Order(
            session_id=str(value["session_id"]),
            role=str(value["role"]),
            desired=Desired(value["desired"]),
            cwd=str(value["cwd"]),
            model=str(value.get("model") or ""),
            reasoning=Reasoning(value["reasoning"]) if value.get("reasoning") else None,
            sandbox=Sandbox(value["sandbox"]),
            approval=Approval(value["approval"]),
            developer_instructions=str(value.get("developer_instructions") or ""),
            thread_id=str(value.get("thread_id") or ""),
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise BadOrder(f"session.json: {exc}") from exc
    if not is_session_id(order.session_id):
        raise BadOrder(f"session.json: {order.session_id!r} is no session id")
    return order


def is_thread_id(text: str) -> bool:
    """Whether the text can stand in a command line as the name of a thread."""
    return _THREAD_ID.fullmatch(text) is not None
