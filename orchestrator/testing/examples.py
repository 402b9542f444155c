"""Plain values for tests and trials: a session, an event, a message; name only what matters."""

from typing import Any

from orchestrator.core.envelope import Direction, Draft, timestamp
from orchestrator.core.receipt import Receipt
from orchestrator.core.session import Session
from orchestrator.testing.clock import START

SESSION_ID = "abc0123456"


def a_session(session_id: str = SESSION_ID, role: str = "builder", **changes: Any) -> Session:
    fields: dict[str, Any] = {
        "project_id": "0badcafe",
        "created_at": timestamp(START),
        "container_name": f"orchestrator-0badcafe-{session_id}",
        "image": "agent:1",
        "workspace": "/work/there",
        **changes,
    }
    return Session(session_id=session_id, role=role, **fields)


def a_draft(text: str = "", event: str = "note", **changes: Any) -> Draft:
    fields: dict[str, Any] = {"timestamp": timestamp(START), "direction": Direction.SYSTEM, **changes}
    return Draft(type=event, text=text, **fields)


def a_receipt(message_id: str, **changes: Any) -> Receipt:
    fields: dict[str, Any] = {"session_id": SESSION_ID, "sender": "lead", "text": "go", **changes}
    return Receipt(message_id=message_id, **fields)
