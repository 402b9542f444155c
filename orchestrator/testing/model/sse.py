"""Actions in, a response's stream out: the events to send, and where to pause, wait or break off.

Pure: it neither sends nor waits. Identifiers are made from the response's own.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.testing.model.actions import Action
from orchestrator.testing.model.tools import Call, call

_CHUNK, _DELAY = 8, 0.02
_SLOW_CHUNK, _SLOW_DELAY = 4, 0.25
_USAGE = {"input": 1000, "cached": 0, "output": 50, "reasoning": 0}


@dataclass(frozen=True, slots=True)
class Send:
    """One event of the stream, without its number."""

    event: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Pause:
    """Say nothing for some seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Gate:
    """Say nothing until the gate of that name is opened."""

    name: str


class Cut:
    """Close the connection here; a stream that ends so counts as broken off."""


Part = Send | Pause | Gate | Cut


def play(
    actions: Sequence[Action], tools: frozenset[str], response_id: str, usage: Mapping[str, int]
) -> Iterator[Part]:
    """The parts of one response, in order; the last one is the completion or a cut."""
    used: dict[str, int] = {**_USAGE, **usage}
    end: dict[str, Any] = {}
    started = {"id": response_id, "status": "in_progress", "output": []}
    yield Send("response.created", {"response": started})
    for index, action in enumerate(actions):
        ident = f"{response_id.removeprefix('resp_')}_{index}"
        calling = call(action, tools)
        if calling is not None:
            yield from _calling(calling, ident, index)
        elif action.kind == "usage":
            used |= action.value
        elif action.kind == "end_turn":
            end = {"end_turn": action.value}
        else:
            parts = list(_plain(action, ident, index, response_id))
            yield from parts
            if parts and isinstance(parts[-1], Cut):
                return
    completed = {"id": response_id, "status": "completed", "output": [], "usage": _counted(used), **end}
    yield Send("response.completed", {"response": completed})


def _plain(action: Action, ident: str, index: int, response_id: str) -> Iterator[Part]:
    match action.kind:
        case "say":
            yield from _saying(action, ident, index, _CHUNK, _DELAY)
        case "slow":
            yield from _saying(action, ident, index, _SLOW_CHUNK, _SLOW_DELAY)
        case "think":
            yield from _thinking(action, ident, index)
        case "sleep":
            yield Pause(action.value)
        case "wait":
            yield Gate(action.value)
        case "stall":
            yield Pause(action.value)
            yield Cut()
        case "drop" if action.value:
            yield Cut()
        case "fail":
            error = {"code": action.value, "message": action.options.get("message", "scripted failure")}
            yield Send(
                "response.failed", {"response": {"id": response_id, "status": "failed", "error": error}}
            )
            yield Cut()
        case "incomplete":
            why = {"incomplete_details": {"reason": action.value}}
            response = {"id": response_id, "status": "incomplete", **why}
            yield Send("response.incomplete", {"response": response})
            yield Cut()
        case _:
            return


def _saying(action: Action, ident: str, index: int, chunk: int, delay: float) -> Iterator[Part]:
    phase = {"phase": action.options["phase"]} if "phase" in action.options else {}
    message = {"type": "message", "id": f"msg_{ident}", "role": "assistant", **phase}
    size, pause = max(1, action.options.get("chunk", chunk)), action.options.get("delay", delay)
    yield _added({**message, "status": "in_progress", "content": []}, index)
    for at in range(0, len(action.value), size):
        where = {"item_id": message["id"], "output_index": index, "content_index": 0}
        yield Send("response.output_text.delta", {**where, "delta": action.value[at : at + size]})
        yield Pause(pause)
    content = [{"type": "output_text", "text": action.value, "annotations": []}]
    yield _done({**message, "status": "completed", "content": content}, index)


def _thinking(action: Action, ident: str, index: int) -> Iterator[Part]:
    item = {"type": "reasoning", "id": f"rs_{ident}", "summary": []}
    where = {"item_id": item["id"], "output_index": index, "summary_index": 0}
    yield _added(item, index)
    yield Send(
        "response.reasoning_summary_part.added", {**where, "part": {"type": "summary_text", "text": ""}}
    )
    for word in re.findall(r"\S+\s*", action.value):
        yield Send("response.reasoning_summary_text.delta", {**where, "delta": word})
        yield Pause(action.options.get("delay", _DELAY))
    summary = [{"type": "summary_text", "text": action.value}]
    yield _done({**item, "encrypted_content": "c2NyaXB0ZWQ=", "summary": summary}, index)


def _calling(calling: Call, ident: str, index: int) -> Iterator[Part]:
    call_id = f"call_{ident}"
    if not calling.custom:
        item = {"type": "function_call", "id": f"fc_{ident}", "call_id": call_id, "name": calling.name}
        item["arguments"] = calling.text
        if calling.namespace:
            item["namespace"] = calling.namespace
        yield _added(item, index)
        yield _done(item, index)
        return
    item = {"type": "custom_tool_call", "id": f"ctc_{ident}", "call_id": call_id, "name": calling.name}
    where = {"item_id": item["id"], "call_id": call_id, "output_index": index}
    yield _added({**item, "input": ""}, index)
    for at in range(0, len(calling.text), 40):
        yield Send("response.custom_tool_call_input.delta", {**where, "delta": calling.text[at : at + 40]})
    yield _done({**item, "status": "completed", "input": calling.text}, index)


def _added(item: Mapping[str, Any], index: int) -> Send:
    return Send("response.output_item.added", {"output_index": index, "item": item})


def _done(item: Mapping[str, Any], index: int) -> Send:
    return Send("response.output_item.done", {"output_index": index, "item": item})


def _counted(used: Mapping[str, int]) -> dict[str, Any]:
    return {
        "input_tokens": used["input"],
        "input_tokens_details": {"cached_tokens": used["cached"]},
        "output_tokens": used["output"],
        "output_tokens_details": {"reasoning_tokens": used["reasoning"]},
        "total_tokens": used["input"] + used["output"],
    }
