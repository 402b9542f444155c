"""Time that only moves by hand."""

import asyncio

from orchestrator.testing.clock import START, ManualClock
from orchestrator.testing.waiting import until


async def test_sleepers_wake_when_their_time_has_come() -> None:
    """In the order of their times, and not a moment earlier."""
    clock, woken = ManualClock(), list[str]()

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(name)

    async with asyncio.TaskGroup() as group:
        for name, seconds in (("late", 5.0), ("early", 1.0), ("at once", 0.0)):
            group.create_task(sleeper(name, seconds))
        await until(lambda: clock.sleepers == 2 and woken == ["at once"])
        clock.advance(0.5)
        await asyncio.sleep(0)
        assert (woken, clock.sleepers) == (["at once"], 2)
        clock.advance(10)
    assert woken == ["at once", "early", "late"]
    assert (clock.now(), clock.monotonic()) == (START + 10_500_000, 10.5)


async def test_a_sleeper_that_was_cancelled_is_forgotten() -> None:
    """Moving time on afterwards harms nobody."""
    clock = ManualClock()
    sleeping = asyncio.create_task(clock.sleep(1))
    await until(lambda: clock.sleepers == 1)
    sleeping.cancel()
    await asyncio.gather(sleeping, return_exceptions=True)
    assert clock.sleepers == 0
    clock.advance(2)
