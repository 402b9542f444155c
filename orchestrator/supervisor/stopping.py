"""The in-band end of what codex is doing: turns interrupted, terminals cleaned, each within a limit."""

import asyncio

from orchestrator.codex_connection.peer import Connection
from orchestrator.core.errors import OrchestratorError
from orchestrator.supervisor.index import LogIndex

_EACH = 2.0


async def in_band(connection: Connection, index: LogIndex, main: str) -> list[str]:
    """Ask codex to end it all; what it did not do, in words."""
    open_turns = [(turn.thread_id or main, turn_id) for turn_id, turn in index.open_turns.items()]
    threads = {main, *(thread_id for thread_id, _ in open_turns)}
    failed = await asyncio.gather(*(_interrupt(connection, *which) for which in open_turns))
    failed += await asyncio.gather(*(_clean(connection, thread_id) for thread_id in threads))
    return [why for why in failed if why]


async def _interrupt(connection: Connection, thread_id: str, turn_id: str) -> str:
    """Codex never answers where no turn is running, so silence is not much of a failure."""
    return await _try(connection, "turn/interrupt", {"threadId": thread_id, "turnId": turn_id})


async def _clean(connection: Connection, thread_id: str) -> str:
    return await _try(connection, "thread/backgroundTerminals/clean", {"threadId": thread_id})


async def _try(connection: Connection, method: str, params: dict[str, str]) -> str:
    try:
        await connection.call(method, params, timeout=_EACH)
    except OrchestratorError as exc:
        return f"{method}: {exc.message}"
    return ""
