"""Commands that codex's events hide, found in its rollout. Pure.

Under codex's own sandbox, a command that fails at once and looks denied has no item at all: neither in the
events nor in the rollout. The tool call that asked for it, and its output, are in the rollout. So each
command that a finished call names, and of which the log has no item, is reported. A call that names a command
without running it (a branch not taken) is reported too: rather one too many than one unseen.
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.supervisor.index import LogIndex, Message, command_key

#: Possessive: with the way back kept open, a literal of megabytes takes a hundred times its own memory.
_LITERAL = re.compile(
    r"""["']?\bcmd["']?\s*:\s*("(?:[^"\\]++|\\.)*+"|'(?:[^'\\]++|\\.)*+'|`(?:[^`\\]++|\\.)*+`)""", re.DOTALL
)
_ESCAPE = re.compile(r"\\(u\{[0-9a-fA-F]+\}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)", re.DOTALL)
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0", "\n": ""}
_CLASSIC = {"exec_command", "shell_command", "shell"}
_LONGEST_OUTPUT = 64 * 1024
_LONGEST_SOURCE = 1 << 20
_MOST_OPEN = 256


@dataclass(frozen=True, slots=True)
class Call:
    """A finished tool call that may have run commands. No commands: they cannot be read off its source."""

    call_id: str
    turn_id: str
    source: str
    commands: tuple[str, ...]
    output: str


class Calls:
    """Pairs the calls of one rollout with their outputs; of those without one the latest are remembered."""

    def __init__(self) -> None:
        self._asked: dict[str, tuple[str, str, tuple[str, ...]]] = {}

    def observe(self, record: Mapping[str, Any]) -> Call | None:
        """The call that this record finishes, if it does and if the call could run commands.

        Raises:
            ValueError: a call that is too long to be kept.
            RecursionError: it is nested too deeply.
        """
        payload = record.get("payload")
        if record.get("type") != "response_item" or not isinstance(payload, dict):
            return None
        call_id = str(payload.get("call_id", ""))
        match payload.get("type"):
            case "custom_tool_call" | "function_call":
                source, commands = _asked_for(payload)
                if source:
                    self._remember(call_id, (_turn_of(payload), source, commands))
            case "custom_tool_call_output" | "function_call_output":
                if asked := self._asked.pop(call_id, None):
                    return Call(call_id, *asked, _output_of(payload.get("output")))
        return None

    def _remember(self, call_id: str, asked: tuple[str, str, tuple[str, ...]]) -> None:
        if len(self._asked) >= _MOST_OPEN:
            del self._asked[next(iter(self._asked))]
        self._asked[call_id] = asked


class Judge:
    """Compares finished calls with the log. Ask it only when the log had time to hear of the commands."""

    def __init__(self, thread_id: str, cwd: str) -> None:
        self._thread_id = thread_id
        self._cwd = cwd
        self._used: dict[str, Counter[int]] = {}

    def hidden(self, index: LogIndex, call: Call) -> list[Message]:
        """An `item/completed` for each command of the call that the log does not know."""
        seen, used = (
            index.commands.get(call.turn_id, Counter()),
            self._used.setdefault(call.turn_id, Counter()),
        )
        if not call.commands:
            spare = next((key for key in seen if seen[key] > used[key]), None)
            if spare is None:
                return self._report(index, call, [call.source])
            used[spare] += 1
        unseen: list[str] = []
        for command in call.commands:
            key = command_key(command)
            if seen[key] > used[key]:
                used[key] += 1
            else:
                unseen.append(command)
        return self._report(index, call, unseen)

    def _report(self, index: LogIndex, call: Call, commands: list[str]) -> list[Message]:
        found = [(f"hidden-{call.call_id}-{n}", command) for n, command in enumerate(commands, 1)]
        return [self._message(call, name, text) for name, text in found if name not in index.hidden]

    def _message(self, call: Call, item_id: str, command: str) -> Message:
        item = {
            "type": "commandExecution",
            "id": item_id,
            "command": command,
            "cwd": self._cwd,
            "status": "failed",
            "aggregatedOutput": call.output,
            "exitCode": None,
            "durationMs": None,
            "hidden": True,
        }
        params = {"threadId": self._thread_id, "turnId": call.turn_id, "item": item}
        return {"method": "item/completed", "params": params}


def _asked_for(payload: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """The source of a call that can run commands, and the commands that it names; else an empty source."""
    if payload.get("type") == "custom_tool_call":
        source = _bounded(payload.get("input", ""))
        return (source, literals(source)) if "exec_command" in source else ("", ())
    if payload.get("name") not in _CLASSIC:
        return "", ()
    source = _bounded(payload.get("arguments", ""))
    try:
        arguments = json.loads(source)
    except (ValueError, RecursionError):
        return source, ()
    command = arguments.get("cmd", arguments.get("command")) if isinstance(arguments, dict) else None
    if isinstance(command, list) and command:
        command = command[-1]
    return source, ((command,) if isinstance(command, str) else ())


def _bounded(source: Any) -> str:
    text = str(source)
    if len(text) > _LONGEST_SOURCE:
        raise ValueError(f"a call of {len(text):,} characters")
    return text


def literals(source: str) -> tuple[str, ...]:
    """The commands that stand in a script as plain strings; templates with a hole in them are none."""
    plain = (m[1] for m in _LITERAL.finditer(source) if not (m[1][0] == "`" and "${" in m[1]))
    return tuple(_paired(_ESCAPE.sub(_unescape, text[1:-1])) for text in plain)


def _paired(text: str) -> str:
    """Escaped surrogates joined to the characters that they stand for."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _unescape(match: re.Match[str]) -> str:
    """The character; an escape for a number that is no character's stays as it is."""
    body = match[1]
    if body[0] in "ux" and len(body) > 1:
        number = int(body[1:].strip("{}"), 16)
        return chr(number) if number <= sys.maxunicode else match[0]
    return _SIMPLE.get(body, body)


def _turn_of(payload: Mapping[str, Any]) -> str:
    passed = payload.get("internal_chat_message_metadata_passthrough")
    return str(passed.get("turn_id", "")) if isinstance(passed, dict) else ""


def _output_of(output: Any) -> str:
    if isinstance(output, list):
        output = "".join(str(part.get("text", "")) for part in output if isinstance(part, dict))
    elif not isinstance(output, str):
        output = json.dumps(output)
    return str(output)[:_LONGEST_OUTPUT]
