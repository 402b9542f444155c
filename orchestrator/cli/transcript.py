"""Envelopes for people: who, what, and the beginning of a tool's output. Pure, but for the local time zone.

What an agent wrote may hold escape sequences; none of them reaches the terminal from here.
"""

import re
import shlex
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

OUTPUT_LINES = 20

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_].*?(?:\x07|\x1b\\|$)|[ -/]*[0-~])", re.DOTALL)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

#: How codex starts what an agent runs.
_WRAPPER = ["/bin/bash", "-lc"]

Style = Callable[..., str]
View = Mapping[str, Any]


def plain(text: str) -> str:
    """The text without anything that a terminal would obey."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text.replace("\r\n", "\n")))


def inner(command: str) -> str:
    """The script of codex's `/bin/bash -lc SCRIPT`, exactly that; any other command as it is."""
    try:
        words = shlex.split(command)
    except ValueError:
        return command
    return words[2] if words[:2] == _WRAPPER and len(words) == len(_WRAPPER) + 1 else command


def render(view: View, style: Style, *, everything: bool = False) -> str:
    """The envelope as a headed, indented paragraph; empty where it is of no interest to a reader."""
    rule = _RULES.get(view["type"])
    if rule is None and not everything:
        return ""
    title, body, look = (rule or _any)(view)
    head = f"{_clock(view['timestamp'])}  {plain(title)}".rstrip()
    lines = [style(head, **look), *(f"    {line}" if line else "" for line in body)]
    return "\n".join(lines)


def _clock(timestamp: str) -> str:
    try:
        return datetime.fromisoformat(timestamp).astimezone().strftime("%H:%M:%S")
    except ValueError:
        return timestamp


Part = tuple[str, list[str], dict[str, Any]]


def _who(view: View) -> str:
    return f"{view['from'] or '?'} → {view['role']}" if view["direction"] == "in" else str(view["role"])


def _said(view: View) -> Part:
    title = _who(view) + (f" [{', '.join(view['tags'])}]" if view["tags"] else "")
    return title, plain(view["text"]).split("\n"), {"bold": True}


def _thought(view: View) -> Part:
    return f"{view['role']} thinks", plain(view["text"]).split("\n") if view["text"] else [], {"dim": True}


def _ran(view: View) -> Part:
    data = view["data"]
    first, *rest = plain(inner(view["text"])).split("\n")
    body = [*rest, *_beginning(str(data.get("output") or ""))]
    if data.get("exit_code"):
        body.append(f"exit {data['exit_code']}")
    if data.get("hidden"):
        body.append(f"({data.get('status') or 'hidden'}; codex did not report it)")
    return f"{view['role']} $ {first}", body, {"fg": "cyan"}


def _used(view: View) -> Part:
    data = view["data"]
    result = data.get("error") or data.get("result") or ""
    shown = result if isinstance(result, str) else ""
    return f"{view['role']} used {view['text']}", _beginning(shown), {"fg": "cyan"}


def _changed(view: View) -> Part:
    return (
        f"{view['role']} changed {view['text']}",
        _beginning(str(view["data"].get("diff") or "")),
        {"fg": "cyan"},
    )


def _beginning(output: str) -> list[str]:
    """The first lines of an output, and how many there are more."""
    lines = plain(output).rstrip("\n").split("\n") if output.strip() else []
    more = len(lines) - OUTPUT_LINES
    return lines[:OUTPUT_LINES] + ([f"… {more} more lines"] if more > 0 else [])


def _turn_over(view: View) -> Part:
    data = view["data"]
    status = data.get("status") or "completed"
    error = data.get("error")
    why = str(error.get("message") or error) if isinstance(error, Mapping) else str(error or "")
    look = {"dim": True} if status == "completed" else {"fg": "red"}
    return f"{view['role']} turn {status}", plain(why).split("\n") if why else [], look


def _asks(view: View) -> Part:
    return f"{view['role']} asks", plain(inner(view["text"])).split("\n"), {"fg": "yellow", "bold": True}


def _trouble(view: View) -> Part:
    title, body, _ = _any(view)
    return title, body, {"fg": "red"}


def _fate(view: View) -> Part:
    """What became of a message, which one it is, and why."""
    data, kind = view["data"], view["type"].replace("_", " ")
    told = [str(data.get(field) or "") for field in ("beginning", "reason")]
    title = f"{view['from']}: {kind} {data.get('message_id') or ''}"
    return title, [plain(each) for each in told if each], {"fg": "red"}


def _any(view: View) -> Part:
    title = f"{view['role']} {view['type'].replace('_', ' ')}"
    text = inner(view["text"]) if view["type"] == "command_started" else view["text"]
    return title, plain(text).split("\n") if text else [], {"dim": True}


_RULES: dict[str, Callable[[View], Part]] = {
    "session_launched": _any,
    "session_stopping": _any,
    "session_stopped": _any,
    "session_resumed": _any,
    "message_failed": _fate,
    "message_unknown": _fate,
    "user_message": _said,
    "agent_message": _said,
    "reasoning": _thought,
    "command_completed": _ran,
    "file_change_completed": _changed,
    "tool_completed": _used,
    "turn_completed": _turn_over,
    "approval_requested": _asks,
    "approval_resolved": _any,
    "input_requested": _asks,
    "error": _trouble,
    "warning": _trouble,
    "gap": _trouble,
    "tampered": _trouble,
}
