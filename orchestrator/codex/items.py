"""Codex's items (messages, commands, file changes, tool calls) as events.

A live user message is an event at `item/started`, the first line that proves it; its `item/completed` is
dropped. A backfill has one line for each item that the recording lacks, so there either of them counts.
Agent messages and reasoning are events at their end. Everything else has a start and an end.
"""

from collections.abc import Callable

from orchestrator.codex.diffs import relative
from orchestrator.codex.payload import listed, mapping, present, tag, text, texts
from orchestrator.codex.said import Said
from orchestrator.core.envelope import Direction, Draft
from orchestrator.core.events import Event

ItemRule = Callable[[Said], Draft | None]

_OF_TOOLS = (
    *("server", "namespace", "tool", "arguments", "status", "success", "result", "error"),
    *("query", "action", "results", "path", "prompt", "model"),
)
_OF_TOOLS_RENAMED = {
    "content": "contentItems",
    "duration_ms": "durationMs",
    "revised_prompt": "revisedPrompt",
    "saved_path": "savedPath",
    "receivers": "receiverThreadIds",
    "agents": "agentsStates",
}


def item(said: Said) -> Draft | None:
    return _RULES.get(text(said.item, "type"), _other)(said)


def _user_message(said: Said) -> Draft | None:
    if said.completed and not said.late:
        return None
    parts = [mapping(part) for part in listed(said.item, "content")]
    words = "\n".join(text(part, "text") for part in parts if part.get("type") == "text")
    attached = [dict(part) for part in parts if part.get("type") != "text"]
    return said.draft(
        Event.USER_MESSAGE,
        words,
        direction=Direction.IN,
        data={
            **present(said.item, client_id="clientId"),
            **({"attachments": attached} if attached else {}),
        },
        whole_text=True,
    )


def _agent_message(said: Said) -> Draft | None:
    if not said.completed:
        return None
    asks = bool(listed(said.item, "questions"))
    return said.draft(
        Event.AGENT_MESSAGE,
        text(said.item, "text"),
        direction=Direction.OUT,
        data=present(said.item, "phase", "delivery", "questions"),
        whole_text=True,
        requires_operator=asks,
        tags=("question",) if asks else (),
    )


def _reasoning(said: Said) -> Draft | None:
    if not said.completed:
        return None
    words = texts(said.item, "summary") or texts(said.item, "content")
    return said.draft(Event.REASONING, "\n\n".join(words), direction=Direction.OUT)


def _command(said: Said) -> Draft:
    data = {**present(said.item, "cwd", "status", "source"), "hidden": said.item.get("hidden") is True}
    if said.completed:
        data |= present(said.item, exit_code="exitCode", output="aggregatedOutput", duration_ms="durationMs")
    event = Event.COMMAND_COMPLETED if said.completed else Event.COMMAND_STARTED
    return said.draft(event, text(said.item, "command"), direction=Direction.OUT, data=data)


def _file_change(said: Said) -> Draft:
    changes = [mapping(change) for change in listed(said.item, "changes")]
    paths = [relative(text(change, "path")) for change in changes]
    kinds = [tag(change.get("kind")) for change in changes]
    return said.draft(
        Event.FILE_CHANGE_COMPLETED if said.completed else Event.FILE_CHANGE_STARTED,
        ", ".join(f"{kind} {path}" for kind, path in zip(kinds, paths, strict=True)),
        direction=Direction.OUT,
        data={
            **present(said.item, "status"),
            "paths": paths,
            "kinds": kinds,
            "diff": "\n".join(text(change, "diff") for change in changes),
        },
    )


def _tool(said: Said) -> Draft:
    kind = text(said.item, "type")
    words = [text(said.item, key) for key in ("server", "namespace", "tool", "query", "path")]
    return said.draft(
        Event.TOOL_COMPLETED if said.completed else Event.TOOL_STARTED,
        " ".join(word for word in words if word) or kind,
        direction=Direction.OUT,
        data={"kind": kind, **present(said.item, *_OF_TOOLS, **_OF_TOOLS_RENAMED)},
    )


def _other(said: Said) -> Draft:
    kind = text(said.item, "type")
    agent = f"{text(said.item, 'kind')} sub-agent {text(said.item, 'agentPath')}"
    return said.draft(
        Event.ITEM_COMPLETED if said.completed else Event.ITEM_STARTED,
        agent if kind == "subAgentActivity" else text(said.item, "text") or kind,
        direction=Direction.OUT,
        data={"kind": kind, "item": dict(said.item)},
    )


_RULES: dict[str, ItemRule] = {
    "userMessage": _user_message,
    "agentMessage": _agent_message,
    "reasoning": _reasoning,
    "commandExecution": _command,
    "fileChange": _file_change,
    "mcpToolCall": _tool,
    "dynamicToolCall": _tool,
    "collabAgentToolCall": _tool,
    "webSearch": _tool,
    "imageView": _tool,
    "imageGeneration": _tool,
    "sleep": _tool,
}


def command_output(said: Said) -> Draft:
    return said.draft(Event.COMMAND_OUTPUT, text(said.params, "delta"), direction=Direction.OUT)
