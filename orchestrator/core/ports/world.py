"""Time, patience and progress: what every use case needs."""

from collections.abc import Callable
from typing import Protocol

Progress = Callable[[str], None]


class Clock(Protocol):
    """Time and patience."""

    def now(self) -> int:
        """Microseconds since the epoch."""

    def monotonic(self) -> float: ...
    async def sleep(self, seconds: float) -> None: ...
