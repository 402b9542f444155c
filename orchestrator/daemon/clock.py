"""The machine's own clock."""

import asyncio
import time


class SystemClock:
    """Wall time for stamps, monotonic time for limits."""

    def now(self) -> int:
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
