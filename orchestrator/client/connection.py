"""One HTTP request over the daemon's unix socket: time limits, the version header, errors by code.

It knows bytes and status codes, not what the routes mean; and it never starts a daemon.
"""

import json
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h11

from orchestrator import __version__
from orchestrator.client.http import Exchange, Head
from orchestrator.core.errors import (
    ConnectionLost,
    DaemonUnreachable,
    DaemonVersionMismatch,
    OrchestratorError,
    TimedOut,
    leaves,
)

VERSION_HEADER = "X-Orchestrator-Version"
NDJSON = "application/x-ndjson"
ANSWER_SECONDS = 60.0
STOP_HINT = "run `orchestrator daemon stop`; the next command starts this version's daemon"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to ask. `seconds` limits each wait for bytes, not the whole of a stream."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    accept: str = "application/json"
    seconds: float | None = ANSWER_SECONDS
    version: str = __version__

    def headers(self) -> dict[str, str]:
        kind = {"Content-Type": "application/json"} if self.body is not None else {}
        return {"Accept": self.accept, VERSION_HEADER: self.version, **kind}

    def payload(self) -> bytes | None:
        return None if self.body is None else json.dumps(dict(self.body)).encode()


def ask(path: Path, request: Request) -> Any:
    """The JSON document that answers the request, whole."""
    return ask_with_headers(path, request)[0]


def ask_with_headers(path: Path, request: Request) -> tuple[Any, Mapping[str, str]]:
    """As `ask`, and the answer's headers; their names are in lower case."""
    with _answer(path, request) as (head, exchange):
        return _document(exchange.read()), head.headers


def ask_bytes(path: Path, request: Request) -> Iterator[bytes]:
    """The answer's bytes as they come; its iterator ends only where the answer ended in good order."""
    with _answer(path, request) as (_, exchange):
        yield from exchange.blocks()


def ask_lines(path: Path, request: Request) -> Generator[Any]:
    """The answer's NDJSON documents as they come; empty lines are heartbeats."""
    rest = b""
    for block in ask_bytes(path, request):
        *lines, rest = (rest + block).split(b"\n")
        yield from (_document(line) for line in lines if line.strip())
    if rest.strip():
        yield _document(rest)


def ask_with_progress(path: Path, request: Request, progress: Callable[[str], None]) -> Any:
    """The result at the end of an NDJSON answer; each progress line before it goes to `progress`."""
    told = ask_lines(path, replace(request, accept=NDJSON))
    with closing(told) as lines:  # hang up, too, where `progress` is interrupted
        for line in lines:
            if "progress" in line:
                progress(line["progress"])
            elif "error" in line:
                raise_error(line["error"])
            else:
                return line.get("result", line)  # a plan comes as it is
    raise ConnectionLost("the daemon's answer ended without a result")


def raise_error(error: Mapping[str, Any]) -> None:
    """Raise the leaf that an error document stands for."""
    kind = leaves().get(str(error.get("code")), OrchestratorError)
    raise kind(str(error.get("message") or "") or None, hint=str(error.get("hint") or ""))


@contextmanager
def _answer(path: Path, request: Request) -> Generator[tuple[Head, Exchange]]:
    with Exchange(path, request.seconds) as exchange:
        _connect(exchange, path)
        with _translated(request.seconds):
            head = exchange.ask(request.method, request.path, request.headers(), request.payload())
            _check(head, exchange, request)
            yield head, exchange


def _connect(exchange: Exchange, path: Path) -> None:
    try:
        exchange.connect()
    except OSError as exc:
        raise DaemonUnreachable(
            f"no daemon listens at {path} ({exc.strerror or exc})",
            hint="`orchestrator daemon start` starts it",
        ) from exc


@contextmanager
def _translated(seconds: float | None) -> Generator[None]:
    try:
        yield
    except OrchestratorError:
        raise
    except TimeoutError as exc:
        raise TimedOut(
            f"the daemon did not answer within {seconds:g} s", hint="`orchestrator daemon logs` shows why"
        ) from exc
    except (h11.RemoteProtocolError, ConnectionError) as exc:
        raise ConnectionLost(
            "the daemon went away before it had answered",
            hint="look with `orchestrator status` before you repeat it; `orchestrator daemon logs` shows why",
        ) from exc


def _check(head: Head, exchange: Exchange, request: Request) -> None:
    body = exchange.read() if head.refused else b""
    _check_version(head.headers.get(VERSION_HEADER.lower(), ""), request)
    if head.refused:
        _raise_refusal(head.status, body)


def _check_version(theirs: str, request: Request) -> None:
    if theirs and theirs != request.version:
        raise DaemonVersionMismatch(
            f"the daemon is of version {theirs}, this command of {__version__}", hint=STOP_HINT
        )


def _raise_refusal(status: int, body: bytes) -> None:
    try:
        error = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        error = {"message": f"the daemon answered {status}: {body[:200].decode(errors='replace')}"}
    raise_error(error)


def _document(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as exc:
        raise OrchestratorError(f"the daemon's answer is not JSON: {body[:200]!r}") from exc
