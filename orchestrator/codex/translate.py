"""The recording's lines as events: one table of methods, one list of what is no event.

It owns which method becomes which event. A method that it has never heard of becomes a `codex` event with
its payload, so that nothing new that codex says is lost; what is left out on purpose stands in `QUIET`.
Nothing that a line can hold makes it fail.
"""

import re
from collections.abc import Callable, Mapping

from orchestrator.codex import asks, items, turns
from orchestrator.codex.bounds import clean, excerpt
from orchestrator.codex.recording import Line
from orchestrator.codex.said import Said
from orchestrator.codex.supervised import PREFIX, supervised
from orchestrator.core.envelope import Direction, Draft
from orchestrator.core.events import Event

Rule = Callable[[Said], Draft | None]

#: No events: streamed pieces of what comes whole later, and news of codex's own household.
QUIET: frozenset[str] = frozenset(
    {
        "item/agentMessage/delta",
        "item/plan/delta",
        "item/reasoning/summaryPartAdded",
        "item/reasoning/summaryTextDelta",
        "item/reasoning/textDelta",
        "item/fileChange/outputDelta",
        "item/fileChange/patchUpdated",
        "account/rateLimits/updated",
        "account/updated",
        "app/list/updated",
        "externalAgentConfig/import/completed",
        "externalAgentConfig/import/progress",
        "fuzzyFileSearch/sessionCompleted",
        "fuzzyFileSearch/sessionUpdated",
        "project/changed",
        "remoteControl/status/changed",
        "skills/changed",
        "thread/goal/cleared",
        "thread/prediction/updated",
        "thread/queue/changed",
        "thread/readState/changed",
    }
)

RULES: Mapping[str, Rule] = {
    "thread/started": turns.thread_started,
    "thread/status/changed": turns.thread_status,
    "turn/started": turns.turn_started,
    "turn/completed": turns.turn_completed,
    "turn/diff/updated": turns.turn_diff,
    "thread/tokenUsage/updated": turns.token_usage,
    "error": turns.error,
    "warning": turns.warning,
    "guardianWarning": turns.warning,
    "configWarning": turns.warning,
    "deprecationNotice": turns.warning,
    "item/started": items.item,
    "item/completed": items.item,
    "item/commandExecution/outputDelta": items.command_output,
    "serverRequest/resolved": asks.resolved,
    **dict.fromkeys(asks.APPROVALS, asks.approval),
    **dict.fromkeys(asks.QUESTIONS, asks.question),
}

#: The part of the payload without which a line of that method cannot be understood.
_NEEDED: Mapping[str, str] = {
    "thread/started": "thread",
    "thread/status/changed": "status",
    "turn/started": "turn",
    "turn/completed": "turn",
    "thread/tokenUsage/updated": "tokenUsage",
    "error": "error",
    "item/started": "item",
    "item/completed": "item",
}


def translate(line: Line, main_thread: str) -> list[Draft]:
    """The events of one line; none for what is quiet by rule.

    `main_thread` is the session's own thread, or empty while it is not known. What another thread says is
    tagged `subagent` and carries its `thread_id`.
    """
    said = Said(line, main_thread)
    if line.method in QUIET:
        return []
    odd = _oddity(said)
    if odd:
        told = f"line {line.n} of the recording is odd: {odd}"
        return [said.draft(Event.WARNING, told, data={"line": line.n, "message": line.message})]
    rule = supervised if line.method.startswith(PREFIX) else RULES.get(line.method, _unknown)
    draft = rule(said)
    return [] if draft is None else [draft]


def _oddity(said: Said) -> str:
    """Why the line cannot be understood; empty where it can."""
    method, needed = said.line.method, _NEEDED.get(said.line.method)
    if not method:
        return "it has no method"
    if said.line.message.get("params") is not None and not isinstance(said.line.message["params"], dict):
        return f"{method} without an object of params"
    if needed and not isinstance(said.params.get(needed), dict):
        return f"{method} without {needed}"
    if needed == "item" and not isinstance(said.item.get("type"), str):
        return f"{method} of an item without a type"
    return ""


def _unknown(said: Said) -> Draft:
    message = said.line.message
    asked = {"request_id": message["id"]} if "id" in message else {}
    return said.draft(
        Event.CODEX, said.line.method, data={"method": said.line.method, **asked, "params": dict(said.params)}
    )


def unreadable(data: bytes, reason: str, now: str) -> Draft:
    """The event for a line that is not of the recording's schema, with its number where that can be seen."""
    number = re.search(rb'"n":\s*(\d{1,18})\b', data[:200])
    line = int(number[1]) if number else None
    where = f"line {line}" if number else "a line"
    return Draft(
        timestamp=now,
        type=Event.WARNING,
        direction=Direction.SYSTEM,
        text=f"{where} of the recording is unreadable: {excerpt(clean(reason), 1024)}",
        data={
            "line": line,
            "bytes": len(data),
            "excerpt": excerpt(clean(data[:4096].decode("utf-8", "replace")), 1024),
        },
    )
