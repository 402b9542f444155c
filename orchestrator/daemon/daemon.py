"""The daemon: one world, one fleet, and the life between start and stop."""

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any, TypeVar

import structlog

from orchestrator import __version__
from orchestrator.core.envelope import timestamp
from orchestrator.core.errors import DaemonUnreachable, OrchestratorError
from orchestrator.core.ports import Progress
from orchestrator.sessions.fleet import Fleet
from orchestrator.sessions.resume import ATTACHED, Resumed, resume_all
from orchestrator.sessions.world import World

log = structlog.get_logger()

T = TypeVar("T")


class Daemon:
    """What the API serves. It dies without loss: all it knows is in the registry, the logs and the store."""

    def __init__(self, world: World, *, runtime: str, socket: str) -> None:
        self.world = world
        self.socket = socket
        self.runtime = runtime
        self.fleet = Fleet(world)
        self.started_at = timestamp(world.clock.now())
        self.stopping = asyncio.Event()
        self._untold: dict[str, Resumed] = {}
        self._group: asyncio.TaskGroup | None = None
        #: Set once the sessions of a former daemon have been looked at; the API answers before that.
        self.resumed = asyncio.Event()

    def begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start work that outlives its request's cancellation long enough to clean up."""
        if self._group is None:
            raise DaemonUnreachable("the daemon is stopping")
        return self._group.create_task(work)

    async def resume(self, progress: Progress, *, dry_run: bool) -> list[Resumed]:
        """Resume all; what this daemon did by itself when it started is told to the first who asks."""
        await self.resumed.wait()
        results = await resume_all(self.fleet, progress, dry_run=dry_run)
        if dry_run:
            return results
        told = [self._untold.get(r.session_id, r) if r.action == ATTACHED else r for r in results]
        self._untold.clear()
        return told

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
            "sessions": sum(s.live for s in self.world.registry.sessions()),
            "engine": engine,
        }

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Resume what should run, keep an eye on the engine, and let go of everything at the end."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            tasks = [group.create_task(self._resume()), group.create_task(self.fleet.watch())]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await self.fleet.close()
        await self.world.store.close()

    async def _resume(self) -> None:
        try:
            for result in await resume_all(self.fleet, _log_progress):
                log.info("session_resumed", **asdict(result))
                self._untold[result.session_id] = result
        except OrchestratorError as exc:
            log.warning("resume_postponed", reason=exc.message)
        finally:
            self.resumed.set()


def _log_progress(text: str) -> None:
    log.info("resuming", step=text)
