"""Run several things until one of them ends, and leave nothing running."""

import asyncio
from collections.abc import Coroutine
from typing import Any, NoReturn


async def first_of(*things: Coroutine[Any, Any, Any]) -> None:
    """Return, or raise, as the first of them does; the others are cancelled and awaited."""
    tasks = [asyncio.create_task(thing) for thing in things]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


async def for_ever() -> NoReturn:
    """Until cancelled."""
    await asyncio.get_running_loop().create_future()
    raise AssertionError("a future that nobody holds was resolved")
