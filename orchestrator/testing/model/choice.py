"""Which actions answer a request: a pure function of the scenario and the request, nothing else.

The step is the number of tool calls that were made and answered since the user last spoke. So a script
survives retries, reconnects and resumes, and a message that steers a running turn begins its own script.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.testing.model.actions import Action
from orchestrator.testing.model.scenario import Scenario, Step, Steps

#: What codex itself says in the user's name; each is wrapped in its own tag.
_INJECTED = re.compile(
    r"\s*(# AGENTS\.md|<(environment_context|user_instructions|turn_aborted|permissions|collaboration_mode"
    r"|skills|plugins|user_shell_command|recommended|model_switch|apps_instructions|hook_prompt"
    r"|subagent_notification)[\w -]*>)"
)
#: What codex puts before a command's own output.
_HEAD = re.compile(r"\A(?:Script|Chunk ID|Wall time|Exit code).*?^Output:\n", re.DOTALL | re.MULTILINE)
_CALLS = frozenset({"function_call", "custom_tool_call", "local_shell_call"})
_OUTPUTS = frozenset({f"{call}_output" for call in _CALLS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What matters of one request. `spoken` counts the user's messages in the whole thread."""

    user: str = ""
    spoken: int = 0
    step: int = 0
    output: str = ""
    for_title: bool = False


def read(body: Mapping[str, Any]) -> Asked:
    """The question in a request of codex."""
    asked = Asked(for_title=_wants_title(body))
    called: set[str] = set()
    for item in body.get("input") or []:
        kind = item.get("type", "message")
        if (
            kind == "message"
            and item.get("role") == "user"
            and not _INJECTED.match(_text(item.get("content")))
        ):
            asked = replace(
                asked, user=_text(item.get("content")), spoken=asked.spoken + 1, step=0, output=""
            )
            called = set()
        elif kind in _CALLS:
            called.add(str(item.get("call_id")))
        elif kind in _OUTPUTS and item.get("call_id") in called:
            asked = replace(asked, step=asked.step + 1, output=_output(item))
    return asked


def choose(scenario: Scenario, asked: Asked, attempt: int = 0) -> Step:
    """The actions of the response, filled in; `attempt` counts the retries of the same request."""
    if asked.for_title:
        return (Action(kind="say", value=json.dumps({"title": scenario.title}), options={"delay": 0}),)
    steps: Steps = scenario.default
    groups: tuple[str, ...] = ()
    for rule in scenario.rules:
        found = rule.match(asked.user)
        if found is not None:
            steps, groups = rule.steps, found
            break
    step = steps[asked.step] if asked.step < len(steps) else (Action(kind="say", value="done"),)
    words = {"user": asked.user, "out": asked.output, "step": str(asked.step)}
    words |= {str(number): group for number, group in enumerate(groups, 1)}
    active = (a for a in step if attempt < a.options.get("times", attempt + 1))
    return tuple(replace(a, value=_fill(a.value, words), options=_fill(a.options, words)) for a in active)


def _fill(value: Any, words: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return re.sub(r"\{\{(\w+)\}\}", lambda found: words.get(found[1], found[0]), value)
    if isinstance(value, list):
        return [_fill(item, words) for item in value]
    if isinstance(value, Mapping):
        return {key: _fill(item, words) for key, item in value.items()}
    return value


def _wants_title(body: Mapping[str, Any]) -> bool:
    """Codex's screen asks for a name of the thread on the side; the form of the answer tells it."""
    wanted = (body.get("text") or {}).get("format") or {}
    return list((wanted.get("schema") or {}).get("properties") or {}) == ["title"]


def _output(item: Mapping[str, Any]) -> str:
    return _HEAD.sub("", _text(item.get("output"))).removesuffix("\n")


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content)
    return content if isinstance(content, str) else json.dumps(content)
