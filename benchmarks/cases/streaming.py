"""How long the end of an answer takes to reach a reader of the stream, against a bare client of codex.

Both count from the same moment: when the scripted model lets the answer go. What the bare client has by then
is in memory; what our reader has is on disk, numbered, and kept across any death.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from functools import partial

from benchmarks.figures import Row, milliseconds
from benchmarks.hearing import Heard, both
from benchmarks.stage import LIMIT, Stage
from orchestrator.client import send_message, stream_logs
from orchestrator.codex_connection.control import proxy
from orchestrator.codex_connection.peer import Connection
from orchestrator.testing.processes import LocalPrograms

SCENARIO = {"default": [[{"wait": "{{user}}"}, {"say": "{{user}}", "delay": 0, "chunk": 1000}]]}


def measure(stage: Stage) -> list[Row]:
    view = stage.launch("talker")
    ours, bare, ready = Heard(), Heard(), threading.Event()
    stop: list[Callable[[], object]] = []
    readers = [
        threading.Thread(target=_follow, args=(stage, view["session_id"], ours), daemon=True),
        threading.Thread(
            target=lambda: asyncio.run(_listen(stage.exec(view), view["thread_id"], bare, ready, stop)),
            daemon=True,
        ),
    ]
    for reader in readers:
        reader.start()
    if not ready.wait(LIMIT):
        raise TimeoutError("the bare client cannot connect")
    stage.model.play(SCENARIO)

    def answer(number: int) -> tuple[str, float]:
        gate = f"gate{number}"
        stage.idle(view)
        send_message(view["session_id"], gate, wait="committed", client=stage.client)
        while gate not in stage.model.memory.gates.waiting():
            time.sleep(0.005)
        began = time.perf_counter()
        stage.model.memory.gates.open(gate)
        return gate, began

    mine, theirs = both(stage.times(40), answer, ours, bare)
    stop[0]()
    stage.idle(view)
    stage.remove(view)
    return [
        Row(
            what="an answer of codex → a reader of `stream`",
            ours=milliseconds(mine),
            against="→ a bare second client of the app-server",
            baseline=milliseconds(theirs),
            ratio=1.5,
        )
    ]


def _follow(stage: Stage, session_id: str, heard: Heard) -> None:
    for envelope in stream_logs(session_id, client=stage.client):
        if envelope["type"] == "agent_message":
            heard.now(envelope["text"])


async def _listen(
    into: list[str], thread_id: str, heard: Heard, ready: threading.Event, stop: list[Callable[[], object]]
) -> None:
    """A second client by `docker exec`, as anybody can have it."""
    connection = await Connection.open(await LocalPrograms().open([*into, *proxy()]), name="bench")
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    stop.append(partial(loop.call_soon_threadsafe, ended.set))
    await connection.call("thread/resume", {"threadId": thread_id}, timeout=LIMIT)
    ready.set()
    hearing = asyncio.create_task(_hear(connection, heard))
    await ended.wait()
    hearing.cancel()
    await connection.close()


async def _hear(connection: Connection, heard: Heard) -> None:
    async for message in connection.messages():
        item = message.get("params", {}).get("item", {})
        if message.get("method") == "item/completed" and item.get("type") == "agentMessage":
            heard.now(item["text"])
