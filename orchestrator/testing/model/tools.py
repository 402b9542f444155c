"""How a tool call is spelled: models of today write JavaScript for one tool, earlier ones call functions."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.testing.model.actions import Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call: a function with JSON arguments, or a custom tool with a text.

    `namespace` is the group that the tool is offered in; empty for most.
    """

    name: str
    text: str
    custom: bool
    namespace: str = ""


def offered(body: Mapping[str, Any]) -> frozenset[str]:
    """The names of the tools in a request; today's models get them as an item of the input."""
    names: set[str] = set()
    todo = list(body.get("tools") or [])
    for item in body.get("input") or []:
        if item.get("type") == "additional_tools":
            todo += item.get("tools") or []
    while todo:
        tool = todo.pop()
        if tool.get("type") == "namespace":
            todo += tool.get("tools") or []
        else:
            names.add(str(tool.get("name") or tool.get("type")))
    return frozenset(names)


def call(action: Action, tools: frozenset[str]) -> Call | None:
    """The call that an action makes with these tools; None where the action calls nothing."""
    value, options = action.value, action.options
    match action.kind:
        case "shell":
            return _shell(value, options.get("args", {}), tools)
        case "approval":
            why = options.get("why", "May I run this outside the sandbox?")
            asking = {"sandbox_permissions": "require_escalated", "justification": why}
            return _shell(value, {**asking, **options.get("args", {})}, tools)
        case "patch":
            return _patch(value, tools)
        case "ask":
            return _function("request_user_input", {"questions": value})
        case "call":
            made = _function(value, options.get("args", {}))
            return replace(made, namespace=options.get("namespace", ""))
        case "custom":
            return Call(name=value, text=options.get("input", ""), custom=True)
        case _:
            return None


def _in_code(tools: frozenset[str]) -> bool:
    return "exec" in tools and "exec_command" not in tools


def _shell(command: str, more: Mapping[str, Any], tools: frozenset[str]) -> Call:
    if _in_code(tools):
        arguments = json.dumps({"cmd": command, **more})
        script = f"const r = await tools.exec_command({arguments});\ntext(r.output);\n"
        return Call(name="exec", text=script, custom=True)
    if "exec_command" in tools:
        return _function("exec_command", {"cmd": command, **more})
    if "shell_command" in tools:
        return _function("shell_command", {"command": command, **more})
    return _function("shell", {"command": ["bash", "-lc", command], **more})


def _patch(patch: str, tools: frozenset[str]) -> Call:
    if _in_code(tools):
        script = f"const p = {json.dumps(patch)};\ntext(await tools.apply_patch(p));\n"
        return Call(name="exec", text=script, custom=True)
    if "apply_patch" in tools:
        return Call(name="apply_patch", text=patch, custom=True)
    return _shell(f"apply_patch <<'END_OF_PATCH'\n{patch}\nEND_OF_PATCH", {}, tools)


def _function(name: str, arguments: Mapping[str, Any]) -> Call:
    return Call(name=name, text=json.dumps(arguments), custom=False)
