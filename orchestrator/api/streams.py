"""Answers that take their time: NDJSON lines of progress with the result last, envelopes, and raw bytes."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import structlog
from fastapi.responses import StreamingResponse

from orchestrator.api.errors import error_body, known
from orchestrator.core.errors import OrchestratorError
from orchestrator.core.ports import Progress
from orchestrator.daemon.daemon import Daemon

NDJSON = "application/x-ndjson"
log = structlog.get_logger()


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode() + b"\n"


async def _told(work: Callable[[Progress], Coroutine[Any, Any, Any]], say: Progress) -> dict[str, Any]:
    try:
        return {"result": await work(say)}
    except OrchestratorError as exc:
        return known(exc)
    except Exception as exc:
        log.exception("work_broke")
        return error_body("bug", f"{type(exc).__name__}: {exc}", "the daemon's log has the traceback")


async def _progressing(
    daemon: Daemon, work: Callable[[Progress], Coroutine[Any, Any, Any]]
) -> AsyncIterator[bytes]:
    said: asyncio.Queue[str | None] = asyncio.Queue()
    task = daemon.begin(_told(work, said.put_nowait))
    task.add_done_callback(lambda _: said.put_nowait(None))
    try:
        while (text := await said.get()) is not None:
            yield _line({"progress": text})
        yield _line(await task)
    finally:
        task.cancel()


async def answer(daemon: Daemon, accept: str, work: Callable[[Progress], Coroutine[Any, Any, Any]]) -> Any:
    """The work's result as plain JSON, or with its progress where the client asked for NDJSON.

    A client that goes away cancels work that it was told of line by line; the daemon sees it cleaned up.
    """
    if NDJSON in accept:
        return StreamingResponse(_progressing(daemon, work), media_type=NDJSON)
    return await daemon.begin(work(lambda _: None))
