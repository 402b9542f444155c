"""Waiting for the real world in tests: on a condition, with a deadline, never for a mere time."""

import asyncio
from collections.abc import Awaitable, Callable

from orchestrator.core.errors import TimedOut


async def until(condition: Callable[[], bool | Awaitable[bool]], limit: float = 20.0) -> None:
    """Return as soon as the condition holds; a condition may also be asynchronous.

    Raises:
        TimedOut: it did not hold within `limit` seconds.
    """
    try:
        async with asyncio.timeout(limit):
            while not await _holds(condition()):  # noqa: ASYNC110 - other processes set no event for us
                await asyncio.sleep(0.01)
    except TimeoutError as exc:
        raise TimedOut(f"not so within {limit:g} s") from exc


async def _holds(answer: bool | Awaitable[bool]) -> bool:  # noqa: FBT001 - an answer, not a switch
    return answer if isinstance(answer, bool) else await answer
