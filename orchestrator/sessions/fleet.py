"""Every session that this daemon holds, and who may change one: one use case at a time."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from weakref import WeakValueDictionary

import structlog

from orchestrator.core.envelope import Direction, Draft
from orchestrator.core.errors import (
    ContainerGone,
    OrchestratorError,
    SessionNotFound,
    SessionNotRunning,
    StoreUnwritable,
    TimedOut,
)
from orchestrator.core.events import Event
from orchestrator.core.identity import resolve
from orchestrator.core.ports import Container
from orchestrator.core.session import Session
from orchestrator.sessions.attach import Attachment
from orchestrator.sessions.ending import settle_ended
from orchestrator.sessions.journal import Journal
from orchestrator.sessions.world import World

log = structlog.get_logger()

DRAIN_SECONDS = 5.0


class Fleet:
    """Holds by session id. What changes a session does so inside `changing`, alone with it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._held: dict[str, Attachment] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        #: Launches under way, by session id. To cancel one is to cut it off: nothing of it stays.
        self.launching: dict[str, asyncio.Task[tuple[Session, str]]] = {}
        #: Set once every session of a former daemon is being seen to, or the engine could not be asked.
        self.begun = asyncio.Event()

    @asynccontextmanager
    async def changing(self, session_id: str) -> AsyncIterator[None]:
        """Alone with a session. What was known of it before may be over by then: read it again inside."""
        lock = self._locks.setdefault(session_id, asyncio.Lock())
        async with lock:
            yield

    def changes(self, session_id: str) -> bool:
        """Whether somebody is changing it now."""
        lock = self._locks.get(session_id)
        return lock is not None and lock.locked()

    async def steady(self, session_id: str) -> None:
        """Wait until nobody changes the session, for as long as a start may take."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.world.rules.ready_seconds), self.changing(session_id):
                return

    def find(self, selector: str) -> Session:
        """As `resolve`; where a record cannot be read, it may be the one that is meant."""
        try:
            return resolve(selector, self.world.registry.sessions())
        except SessionNotFound as exc:
            if not (broken := self.world.registry.broken()):
                raise
            what = "a record cannot" if len(broken) == 1 else f"{len(broken)} records cannot"
            raise SessionNotFound(
                f"{exc.message}; {what} be read",
                hint="`orchestrator registry verify` names it, `registry rebuild` mends what can be mended",
            ) from exc

    def wanted(self, session_id: str) -> bool:
        """Whether the session is there and should be running."""
        return any(s.session_id == session_id and s.live for s in self.world.registry.sessions())

    def held(self, session_id: str) -> Attachment | None:
        return self._held.get(session_id)

    async def soon(self, session_id: str) -> Attachment | None:
        """The hold on a session; one that is just being brought up or down is waited for."""
        if session_id not in self._held:
            await self.begun.wait()
            await self.steady(session_id)
        return self._held.get(session_id)

    async def hold(self, session: Session) -> Attachment:
        """The hold on a session that runs, or that is just coming up.

        Raises:
            SessionNotRunning: this daemon does not hold it.
            EngineUnreachable: nobody can tell whether it runs.
        """
        attachment = await self.soon(session.session_id)
        if attachment is None:
            if session.live:
                await self.containers()  # an engine that is away says so here
            raise SessionNotRunning(
                f"{session.role} ({session.session_id}) is not running",
                hint=_way_on(session),
            )
        return attachment

    async def attach(self, session: Session, event: Event, detail: Mapping[str, object]) -> Attachment:
        """Hold a session whose container runs; the event tells why, and the streams go on."""
        attachment = Attachment(self.world, session)
        try:
            await attachment.open()
            await attachment.journal.write(note(attachment.journal, event, detail))
        except BaseException:
            await attachment.close()
            raise
        self._held[session.session_id] = attachment
        return attachment

    async def detach(self, session_id: str, detail: Mapping[str, object]) -> None:
        """Read what is left, say what became of its messages and that it stopped, and let go of it."""
        attachment = self._held.pop(session_id, None)
        if attachment is None:
            return
        journal = attachment.journal
        try:
            await _drained(attachment)
            await attachment.end_tasks()
            await settle_ended(journal)
            await journal.write(note(journal, Event.SESSION_STOPPED, detail))
        except (StoreUnwritable, TimedOut) as exc:
            log.error("end_not_stored", session_id=session_id, reason=exc.message)  # noqa: TRY400 - the reason says it
        finally:
            await attachment.close()

    async def close(self) -> None:
        """Let go of all, each by itself; the sessions go on."""
        held, self._held = list(self._held.values()), {}
        for failure in await asyncio.gather(*(a.close() for a in held), return_exceptions=True):
            if failure is not None:
                log.warning("hold_closed_badly", reason=str(failure))

    async def containers(self) -> dict[str, Container]:
        """The project's containers by session id."""
        project = self.world.registry.project_id()
        found = await self.world.engine.containers(project)
        return {c.labels.get("orchestrator.session", ""): c for c in found}


async def inspected(fleet: Fleet, session: Session) -> Container | None:
    """The session's container as it is now; None where there is none."""
    try:
        return await fleet.world.engine.inspect(session.container_name)
    except ContainerGone:
        return None


async def _drained(attachment: Attachment) -> None:
    """A recording that cannot be read keeps nobody from hearing of the end."""
    try:
        await attachment.drained(DRAIN_SECONDS)
    except OrchestratorError as exc:
        log.warning("not_drained", session_id=attachment.session.session_id, reason=exc.message)


def _way_on(session: Session) -> str:
    """What was told to stop is left alone by `resume-all`."""
    if session.live:
        return "`orchestrator resume-all` starts it again"
    return f"it was stopped for good; `orchestrator launch {session.role}` starts a new one"


def note(journal: Journal, event: Event, detail: Mapping[str, object]) -> Draft:
    """An event of the daemon's own about a session."""
    return Draft(
        timestamp=journal.now(),
        type=event,
        direction=Direction.SYSTEM,
        sender="orchestrator",
        data=dict(detail),
    )
