"""The daemon: one world, one fleet, and the life between start and stop."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict
from typing import Any, TypeVar

import structlog

from orchestrator import __version__
from orchestrator.core.envelope import timestamp
from orchestrator.core.errors import DaemonUnreachable, EngineUnreachable, OrchestratorError, TimedOut
from orchestrator.core.ports import Progress
from orchestrator.daemon.sections import Role
from orchestrator.sessions.fleet import Fleet
from orchestrator.sessions.resume import ATTACHED, Resumed, resume_all
from orchestrator.sessions.watch import LOOK_EVERY, watch
from orchestrator.sessions.world import World

log = structlog.get_logger()

LONGEST_PAUSE = 30.0

T = TypeVar("T")


class Daemon:
    """What the API serves. It dies without loss: all it knows is in the registry, the logs and the store."""

    def __init__(
        self,
        world: World,
        *,
        runtime: str,
        socket: str,
        systemd: str | None = None,
        roles: Callable[[], Mapping[str, Role]] = dict,
    ) -> None:
        self.world = world
        self.socket = socket
        self.runtime = runtime
        #: Whose unit runs it, `user` or `system`; None where no unit does.
        self.systemd = systemd
        #: Reads the settings' tables of roles as they are now; `SettingsInvalid` where that cannot be done.
        self.roles = roles
        self.fleet = Fleet(world)
        self.started_at = timestamp(world.clock.now())
        self.stopping = asyncio.Event()
        self._untold: dict[str, Resumed] = {}
        #: The steps of that so far, and who waits for its end.
        self._said: list[str] = []
        self._listeners: list[Progress] = []
        self._works: set[asyncio.Task[Any]] = set()
        #: Set once the sessions of a former daemon have been looked at; the API answers before that.
        self.resumed = asyncio.Event()

    def begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start work that outlives its request's cancellation long enough to clean up."""
        if self.stopping.is_set():
            work.close()
            raise DaemonUnreachable("the daemon is stopping")
        task = asyncio.create_task(work)
        self._works.add(task)
        task.add_done_callback(self._works.discard)
        return task

    async def resume(self, progress: Progress, *, dry_run: bool) -> list[Resumed]:
        """Resume all; what this daemon did by itself when it started is told to the first who asks."""
        with self._listening(progress):
            await self.resumed.wait()
        results = await resume_all(self.fleet, progress, dry_run=dry_run)
        if dry_run:
            return results
        untold, self._untold = self._untold, {}
        told = [untold.pop(r.session_id, r) if r.action == ATTACHED else r for r in results]
        known = {r.session_id for r in told}
        return [*told, *(r for name, r in untold.items() if name not in known)]

    @contextmanager
    def _listening(self, progress: Progress) -> Iterator[None]:
        """What the daemon does by itself when it starts is told to whoever waits for it."""
        for text in self._said:
            progress(text)
        self._listeners.append(progress)
        try:
            yield
        finally:
            self._listeners.remove(progress)

    def _say(self, text: str) -> None:
        log.info("resuming", step=text)
        self._said.append(text)
        for listener in self._listeners:
            listener(text)

    async def status(self) -> dict[str, Any]:
        """Who this daemon is, what it serves, and whether its engine answers."""
        try:
            facts = await self.world.engine.facts()
            engine = {"ok": True, "version": facts.version, "detail": "; ".join(facts.warnings)}
        except OrchestratorError as exc:
            engine = {"ok": False, "version": "", "detail": exc.message}
        return {
            "pid": os.getpid(),
            "version": __version__,
            "home": str(self.world.home.root),
            "project_id": self.world.registry.project_id(),
            "started_at": self.started_at,
            "runtime": self.runtime,
            "socket": self.socket,
            "systemd": self.systemd,
            "sessions": sum(s.live for s in self.world.registry.sessions()),
            "engine": engine,
        }

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Resume what should run, keep an eye on the engine, and let go of everything at the end."""
        self._works = {asyncio.create_task(self._resume()), asyncio.create_task(self._watch())}
        try:
            yield
        finally:
            self.stopping.set()
            works = list(self._works)
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)
            await self.fleet.close()
            await self.world.store.close()

    async def _watch(self) -> None:
        while True:
            try:
                await watch(self.fleet)
            except Exception:
                log.exception("watch_broke")
            await self.world.clock.sleep(LOOK_EVERY)

    async def _resume(self) -> None:
        """An engine that is down is asked again, ever more seldom; meanwhile nothing is marked as dead."""
        pause = LOOK_EVERY
        while not await self._resumed():
            await self.world.clock.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _resumed(self) -> bool:
        """Whether that is done: only an engine that does not answer is a reason to try again."""
        try:
            for result in await resume_all(self.fleet, self._say):
                log.info("session_resumed", **asdict(result))
                self._untold[result.session_id] = result
        except (EngineUnreachable, TimedOut) as exc:
            log.warning("resume_postponed", reason=exc.message)
            return False
        except OrchestratorError as exc:
            log.warning("not_resumed", reason=exc.message)
        except Exception:
            log.exception("resume_broke")
        finally:
            self.fleet.begun.set()
            self.resumed.set()
            self._said.clear()
        return True
