"""What codex asks of a person, and how it ends: approvals and questions as events.

Nothing here answers. The id of a request stands in `data.request_id`; the same id ends it.
"""

from collections.abc import Mapping
from typing import Any

from orchestrator.codex.payload import listed, mapping, present, text
from orchestrator.codex.said import Said
from orchestrator.core.envelope import Direction, Draft
from orchestrator.core.events import Event

#: The method of a request for permission → what it is about.
APPROVALS: Mapping[str, str] = {
    "item/commandExecution/requestApproval": "command",
    "item/fileChange/requestApproval": "file_change",
    "item/permissions/requestApproval": "permissions",
    "execCommandApproval": "command",
    "applyPatchApproval": "file_change",
}
#: The method of a question to the person → who asks.
QUESTIONS: Mapping[str, str] = {
    "item/tool/requestUserInput": "agent",
    "mcpServer/elicitation/request": "mcp_server",
}
_TITLES = {"command": "run a command", "file_change": "change files", "permissions": "have more permissions"}


def approval(said: Said) -> Draft:
    kind = APPROVALS[said.line.method]
    command = said.params.get("command")
    wish = " ".join(map(str, command)) if isinstance(command, list) else text(said.params, "command")
    return said.draft(
        Event.APPROVAL_REQUESTED,
        wish or text(said.params, "reason") or _TITLES[kind],
        direction=Direction.OUT,
        data={
            "request_id": said.line.message.get("id"),
            "kind": kind,
            **present(
                said.params,
                *("reason", "command", "cwd", "permissions"),
                grant_root="grantRoot",
                decisions="availableDecisions",
                changes="fileChanges",
                network="networkApprovalContext",
            ),
        },
        requires_operator=True,
    )


def question(said: Said) -> Draft:
    asked = [mapping(each) for each in listed(said.params, "questions")]
    return said.draft(
        Event.INPUT_REQUESTED,
        "\n".join(text(each, "question") for each in asked) or _first(said, "message", "title"),
        direction=Direction.OUT,
        data={
            "request_id": said.line.message.get("id"),
            "kind": QUESTIONS[said.line.method],
            **present(
                said.params,
                *("questions", "url", "mode", "description"),
                server="serverName",
                wanted="requestedSchema",
                blocking="isBlocking",
            ),
        },
        requires_operator=True,
    )


def _first(said: Said, *keys: str) -> str:
    return next((text(said.params, key) for key in keys if text(said.params, key)), "")


def resolved(said: Said) -> Draft:
    """Somebody answered, or (in a synthetic line) nobody can any more. How is not said by codex."""
    data: dict[str, Any] = {"request_id": said.params.get("requestId")}
    return said.draft(Event.APPROVAL_RESOLVED, data=data)
