"""Wake-ups from the kernel when something changes in a folder: one inotify for all folders of a process.

Nothing runs while nothing happens, and a change is heard within a millisecond. inotify says nothing of what
other machines or virtual machines write, so whoever waits looks once a second anyway.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path

from inotify_simple import INotify, flags  # type: ignore[import-untyped]  # it has none

LOOK_ANYWAY_SECONDS = 1.0
#: Where the kernel has no more watches to give.
LOOK_WITHOUT_WATCH_SECONDS = 0.1

_CHANGES = flags.MODIFY | flags.CREATE | flags.MOVED_TO | flags.DELETE | flags.ONLYDIR

#: No watch at all.
_NONE = -1


class Wakeups:
    """For one event loop at a time. It holds no descriptor while nobody waits."""

    def __init__(self) -> None:
        self._inotify: INotify | None = None
        self._ears: dict[int, set[asyncio.Event]] = {}

    async def changes(self, folder: Path) -> AsyncGenerator[None, None]:
        """One at once, one after each change, and one a second whatever the file system says."""
        yield None
        while True:
            try:
                async with aclosing(self._while_watched(folder)) as wakeups:
                    async for _ in wakeups:
                        yield None
            except (FileNotFoundError, NotADirectoryError):
                await asyncio.sleep(LOOK_ANYWAY_SECONDS)
            except OSError:  # this user has no watch left
                await asyncio.sleep(LOOK_WITHOUT_WATCH_SECONDS)
            yield None

    async def _while_watched(self, folder: Path) -> AsyncGenerator[None, None]:
        """Ends when the folder has gone; what was written before the watch stood counts as a change."""
        with self._watch(folder) as (descriptor, changed):
            yield None
            while descriptor in self._ears:
                try:
                    async with asyncio.timeout(LOOK_ANYWAY_SECONDS):
                        await changed.wait()
                except TimeoutError:
                    pass
                changed.clear()
                yield None

    @contextmanager
    def _watch(self, folder: Path) -> Iterator[tuple[int, asyncio.Event]]:
        changed, descriptor = asyncio.Event(), _NONE
        try:
            descriptor = self._open().add_watch(folder, _CHANGES)
            self._ears.setdefault(descriptor, set()).add(changed)
            yield descriptor, changed
        finally:
            self._leave(descriptor, changed)

    def _open(self) -> INotify:
        if self._inotify is None:
            self._inotify = INotify(nonblocking=True)
            asyncio.get_running_loop().add_reader(self._inotify.fd, self._hear)
        return self._inotify

    def _hear(self) -> None:
        if self._inotify is None:
            return
        for event in self._inotify.read(timeout=0):
            everybody = event.mask & flags.Q_OVERFLOW
            ears = self._ears.values() if everybody else [self._ears.get(event.wd, set())]
            for ear in (one for those in ears for one in those):
                ear.set()
            if event.mask & flags.IGNORED:
                self._ears.pop(event.wd, None)

    def _leave(self, descriptor: int, changed: asyncio.Event) -> None:
        others = self._ears.get(descriptor)
        if others is not None:
            others.discard(changed)
            if not others and self._inotify is not None:
                del self._ears[descriptor]
                self._inotify.rm_watch(descriptor)
        if not self._ears and self._inotify is not None:
            asyncio.get_running_loop().remove_reader(self._inotify.fd)
            self._inotify.close()
            self._inotify = None
