"""Threads, turns, token counts, diffs and errors as events."""

from typing import Any

from orchestrator.codex import tokens
from orchestrator.codex.diffs import changed_files
from orchestrator.codex.payload import Payload, listed, mapping, present, tag, text, texts, whole
from orchestrator.codex.said import Said
from orchestrator.core.envelope import Draft
from orchestrator.core.events import Event


def thread_started(said: Said) -> Draft:
    thread = mapping(said.params.get("thread"))
    return said.draft(
        Event.THREAD_STARTED,
        text(thread, "name"),
        data={
            **present(
                thread, "model", "cwd", thread_source="threadSource", parent_thread_id="parentThreadId"
            ),
            "thread_id": said.thread_id,
            "ephemeral": thread.get("ephemeral") is True,
            **status_of(thread.get("status")),
        },
    )


def thread_status(said: Said) -> Draft:
    data = status_of(said.params.get("status"))
    return said.draft(Event.THREAD_STATUS, " ".join([data["status"], *data["active_flags"]]), data=data)


def status_of(status: Any) -> dict[str, Any]:
    """Codex's word about a thread: `status` and, where it is active, what it waits for."""
    return {"status": tag(status), "active_flags": texts(mapping(status), "activeFlags")}


def turn_started(said: Said) -> Draft:
    return said.draft(Event.TURN_STARTED, data=present(said.turn, root_turn_id="rootTurnId"))


def turn_completed(said: Said) -> Draft:
    """`answer` is the whole text of the last message that is not mere commentary."""
    turn = said.turn
    error = turn.get("error")
    return said.draft(
        Event.TURN_COMPLETED,
        text(turn, "status"),
        data={
            "status": text(turn, "status"),
            "duration_ms": whole(turn, "durationMs"),
            "error": failure(mapping(error)) if error else None,
        },
        message={"answer": _answer(turn)},
    )


def _answer(turn: Payload) -> str:
    said = [mapping(item) for item in listed(turn, "items")]
    final = [m for m in said if m.get("type") == "agentMessage" and m.get("phase") != "commentary"]
    return text(final[-1], "text") if final else ""


def failure(error: Payload) -> dict[str, Any]:
    """Codex's error in a flat form: what it says, its code, and the HTTP status behind it, if any."""
    info = error.get("codexErrorInfo")
    code = tag(info)
    return {
        "message": text(error, "message"),
        "code": code,
        "http_status": whole(mapping(mapping(info).get(code)), "httpStatusCode"),
        "details": text(error, "additionalDetails"),
    }


def error(said: Said) -> Draft:
    failed = failure(mapping(said.params.get("error")))
    return said.draft(
        Event.ERROR,
        failed["message"],
        data={**failed, "will_retry": said.params.get("willRetry") is True},
    )


def token_usage(said: Said) -> Draft:
    used = tokens.usage(mapping(said.params.get("tokenUsage")))
    return said.draft(Event.TOKEN_USAGE, data=used)


def turn_diff(said: Said) -> Draft:
    diff = text(said.params, "diff")
    files = changed_files(diff)
    return said.draft(Event.TURN_DIFF, ", ".join(files), data={"files": files, "diff": diff})


def warning(said: Said) -> Draft:
    told = text(said.params, "message") or text(said.params, "summary")
    return said.draft(Event.WARNING, told, data=present(said.params, "details", "path"))
