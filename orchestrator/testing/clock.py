"""The manual twin of `core.ports.Clock`: time stands still until somebody moves it."""

import asyncio
import heapq
import itertools

#: 2026-01-01T00:00:00Z in microseconds.
START = 1_767_225_600_000_000


class ManualClock:
    """`advance` moves both the wall clock and the monotonic one, and wakes whoever has slept long enough."""

    def __init__(self, now: int = START) -> None:
        self._now = now
        self._elapsed = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._number = itertools.count()

    @property
    def sleepers(self) -> int:
        """How many wait for time to pass."""
        return sum(not future.done() for _, _, future in self._sleepers)

    def now(self) -> int:
        return self._now

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._number), future))
        await future

    def advance(self, seconds: float) -> None:
        """Move time on; those who wake run when the caller next waits."""
        self._elapsed += seconds
        self._now += round(seconds * 1_000_000)
        while self._sleepers and self._sleepers[0][0] <= self._elapsed:
            future = heapq.heappop(self._sleepers)[2]
            if not future.done():
                future.set_result(None)
