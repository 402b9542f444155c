"""When two readers of the same thing hear what was set off, counted from the same moment."""

import threading
import time
from collections.abc import Callable

from benchmarks.stage import LIMIT


class Heard:
    """When each text was heard; written by one thread, waited for by another."""

    def __init__(self) -> None:
        self._at: dict[str, float] = {}
        self._changed = threading.Condition()

    def now(self, text: str) -> None:
        with self._changed:
            self._at[text] = time.perf_counter()
            self._changed.notify_all()

    def at(self, text: str) -> float:
        with self._changed:
            if not self._changed.wait_for(lambda: text in self._at, LIMIT):
                raise TimeoutError(f"nobody heard {text}")
            return self._at[text]


def both(
    times: int, set_off: Callable[[int], tuple[str, float]], ours: Heard, bare: Heard
) -> tuple[list[float], list[float]]:
    """Seconds until ours and until the bare one heard it, each time.

    `set_off` takes the number of the round; it gives the text that will be heard, and when it was set off.
    """
    mine: list[float] = []
    theirs: list[float] = []
    for number in range(times):
        text, began = set_off(number)
        mine.append(ours.at(text) - began)
        theirs.append(bare.at(text) - began)
    return mine, theirs
