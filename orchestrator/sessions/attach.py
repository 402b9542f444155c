"""The daemon's hold on one running session: its journal, the way in and the way out, and their tasks."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Any

import structlog

from orchestrator.core.errors import OrchestratorError
from orchestrator.core.events import Event
from orchestrator.core.session import Session
from orchestrator.sessions.collect import Collector
from orchestrator.sessions.deliver import Deliverer
from orchestrator.sessions.journal import Journal
from orchestrator.sessions.world import World, within

log = structlog.get_logger()

_RESTARTS = frozenset({"restarted", "boot", "ready"})
SHORTEST_PAUSE = 0.2
LONGEST_PAUSE = 10.0
CATCH_UP_SECONDS = 30.0
DRAIN_STEP = 0.02


class Attachment:
    """Open from attach to detach; the session itself lives on without it."""

    def __init__(self, world: World, session: Session) -> None:
        self._world = world
        self.journal = Journal(world, session)
        self.deliverer = Deliverer(world, self.journal, world.terminal(session), world.codex(session))
        self.terminal = self.deliverer.terminal
        self._recording = world.recording(session)
        self._collector = Collector(self.journal, self._recording, world.clock, self._follow)
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def session(self) -> Session:
        return self.journal.session

    def update(self, **changes: object) -> Session:
        """Change the registry record and this hold's view of it."""
        self.journal.session = replace(self._world.registry.get(self.session.session_id), **changes)  # type: ignore[arg-type]  # fields by name
        self._world.registry.put(self.journal.session)
        return self.journal.session

    async def open(self) -> None:
        """Load the history, read on from the checkpoint, and settle what a former daemon left."""
        await self.journal.load()
        self._start(self._again("collection", self._collect))
        if not await within(CATCH_UP_SECONDS, self._collector.caught_up.wait()):
            log.warning("catching_up_slowly", session_id=self.session.session_id)
        await self.deliverer.forsake()
        self._start(self._again("delivery", self.deliverer.run))
        self._start(self._again("events", self._heed_events))

    def _follow(self, thread_id: str) -> None:
        self.update(thread_id=thread_id)

    def _start(self, body: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(body))

    async def _collect(self) -> None:
        await self._collector.run(await self._world.store.checkpoint(self.session.session_id))

    async def drained(self, seconds: float) -> bool:
        """Whether all that the recorder wrote is in the journal before the time is over."""
        deadline = self._world.clock.monotonic() + seconds
        while self._world.clock.monotonic() < deadline:
            stored = await self._world.store.checkpoint(self.session.session_id)
            if not (await self._recording.read(stored, 1)).lines:
                return True
            await self._world.clock.sleep(DRAIN_STEP)
        return False

    async def _again(self, what: str, body: Callable[[], Awaitable[None]]) -> None:
        """Run a task for as long as the hold lasts; a failure is logged and the task begun anew."""
        pause = SHORTEST_PAUSE
        while True:
            began = self._world.clock.monotonic()
            try:
                await body()
            except OrchestratorError as exc:
                log.warning("task_failed", task=what, session_id=self.session.session_id, reason=exc.message)
            except Exception:
                log.exception("task_broke", task=what, session_id=self.session.session_id)
            if self._world.clock.monotonic() - began > LONGEST_PAUSE:
                pause = SHORTEST_PAUSE
            await self._world.clock.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _heed_events(self) -> None:
        """A part of codex that was restarted disturbs its screen; a turn may have changed the branch."""
        with self.journal.feed.subscribed() as queue:
            while (envelope := await queue.get()) is not None:
                method = envelope.draft.data.get("method")
                if envelope.draft.type == Event.SUPERVISOR and method in _RESTARTS:
                    self.deliverer.disturbed()
                if envelope.draft.type == Event.TURN_COMPLETED:
                    await self._note_branch()

    async def _note_branch(self) -> None:
        branch = await asyncio.to_thread(self._world.workspaces.branch, self.session.workspace)
        if branch != self.session.branch:
            self.update(branch=branch)

    async def end_tasks(self) -> None:
        """Nothing more is taken, written or read."""
        await self.deliverer.shut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def close(self) -> None:
        """End the tasks and the channels; subscribers see the end of their streams."""
        await self.end_tasks()
        await self.journal.close()
        await self.deliverer.close()
