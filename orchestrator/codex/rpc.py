"""JSON-RPC as the app-server speaks it (without the `jsonrpc` field), sans I/O.

It makes the texts of requests and says of each incoming text what it is. Who waits for an answer, and how
long, is the caller's affair.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.codex.payload import text

Message = dict[str, Any]


class Malformed(ValueError):
    """A text that is no message of the app-server's; `args[0]` says why."""


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to our request of that id."""

    id: int
    value: Message


@dataclass(frozen=True, slots=True)
class Refusal:
    """The refusal of our request of that id."""

    id: int
    code: int
    message: str


@dataclass(frozen=True, slots=True)
class Notification:
    """Something that happened; nobody waits for an answer."""

    method: str
    message: Message


@dataclass(frozen=True, slots=True)
class ServerRequest:
    """The server asks, with an id of its own; whoever answers first answers for every client."""

    id: int | str
    method: str
    message: Message


Incoming = Result | Refusal | Notification | ServerRequest


def classify(said: str) -> Incoming:
    """What an incoming text is.

    Raises:
        Malformed: not JSON, not an object, or of none of the four shapes.
    """
    try:
        message = json.loads(said)
    except (ValueError, RecursionError) as exc:
        raise Malformed(f"not JSON: {exc}") from exc
    if not isinstance(message, dict):
        raise Malformed("not an object")
    method, ident = message.get("method"), message.get("id")
    if isinstance(method, str):
        if ident is None:
            return Notification(method, message)
        if isinstance(ident, int | str):
            return ServerRequest(ident, method, message)
    elif isinstance(ident, int):
        return _answer(ident, message)
    raise Malformed("neither an answer, nor a notification, nor a request")


def _answer(ident: int, message: Message) -> Result | Refusal:
    error = message.get("error")
    if isinstance(error, dict):
        code = error.get("code")
        return Refusal(ident, code if isinstance(code, int) else 0, text(error, "message"))
    if "result" not in message:
        raise Malformed("an answer without a result")
    result = message["result"]
    return Result(ident, result if isinstance(result, dict) else {"value": result})


def request(ident: int, method: str, params: Mapping[str, Any]) -> str:
    return _text({"id": ident, "method": method, "params": dict(params)})


def notification(method: str) -> str:
    return _text({"method": method})


def _text(message: Message) -> str:
    return json.dumps(message, ensure_ascii=True, separators=(",", ":"))


def initialize_params(name: str, version: str, opt_out: tuple[str, ...]) -> Message:
    """What `initialize` wants to know; without the experimental API half the methods are refused."""
    return {
        "clientInfo": {"name": name, "title": name, "version": version},
        "capabilities": {"experimentalApi": True, "optOutNotificationMethods": list(opt_out)},
    }
