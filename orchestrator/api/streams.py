"""Answers that take their time: NDJSON lines of progress with the result last, envelopes, and raw bytes."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import structlog
from fastapi.responses import StreamingResponse

from orchestrator.api.errors import error_body, known
from orchestrator.core.errors import OrchestratorError
from orchestrator.core.ports import Progress

NDJSON = "application/x-ndjson"
log = structlog.get_logger()


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode() + b"\n"


async def _progressing(work: Callable[[Progress], Awaitable[Any]]) -> AsyncIterator[bytes]:
    said: asyncio.Queue[str | None] = asyncio.Queue()
    task = asyncio.ensure_future(work(said.put_nowait))
    task.add_done_callback(lambda _: said.put_nowait(None))
    try:
        while (text := await said.get()) is not None:
            yield _line({"progress": text})
        try:
            yield _line({"result": task.result()})
        except OrchestratorError as exc:
            yield _line(known(exc))
        except Exception as exc:
            log.exception("work_broke")
            yield _line(error_body("bug", f"{type(exc).__name__}: {exc}", "see the daemon's log"))
    finally:
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def answer(accept: str, work: Callable[[Progress], Awaitable[Any]]) -> Any:
    """The work's result as plain JSON, or with its progress where the client asked for NDJSON.

    A client that goes away cancels work that it was told of line by line.
    """
    if NDJSON in accept:
        return StreamingResponse(_progressing(work), media_type=NDJSON)
    return await work(lambda _: None)
