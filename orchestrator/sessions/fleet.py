"""Every session that this daemon holds, and the eye on the engine that notices when one goes or comes."""

from collections.abc import Mapping

import structlog

from orchestrator.core.envelope import Direction, Draft
from orchestrator.core.errors import OrchestratorError, SessionNotRunning
from orchestrator.core.events import Event
from orchestrator.core.identity import resolve
from orchestrator.core.ports import Container, ContainerState
from orchestrator.core.session import Desired, Session
from orchestrator.sessions.attach import Attachment
from orchestrator.sessions.journal import Journal
from orchestrator.sessions.world import World

log = structlog.get_logger()

LOOK_EVERY = 1.0
DRAIN_SECONDS = 5.0
_UP = frozenset({ContainerState.RUNNING, ContainerState.RESTARTING, ContainerState.PAUSED})


class Fleet:
    """Holds by session id. `busy` names those that a use case is changing: the eye leaves them alone."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._held: dict[str, Attachment] = {}
        self.busy: set[str] = set()

    def find(self, selector: str) -> Session:
        return resolve(selector, self.world.registry.sessions())

    def held(self, session_id: str) -> Attachment | None:
        return self._held.get(session_id)

    def hold(self, session: Session) -> Attachment:
        """The hold on a running session.

        Raises:
            SessionNotRunning: this daemon does not hold it.
        """
        attachment = self._held.get(session.session_id)
        if attachment is None:
            raise SessionNotRunning(
                f"{session.role} ({session.session_id}) is not running",
                hint="`orchestrator resume-all` starts what should run; `orchestrator launch` a new one",
            )
        return attachment

    async def attach(self, session: Session, event: Event, detail: Mapping[str, object]) -> Attachment:
        """Hold a session whose container runs; the event tells why, and the streams go on."""
        attachment = Attachment(self.world, session)
        self._held[session.session_id] = attachment
        try:
            await attachment.open()
            await attachment.journal.write(note(attachment.journal, event, detail))
        except BaseException:
            del self._held[session.session_id]
            await attachment.close()
            raise
        return attachment

    async def detach(self, session_id: str, detail: Mapping[str, object]) -> None:
        """Read what is left, tell that the session stopped, and let go of it."""
        attachment = self._held.pop(session_id, None)
        if attachment is None:
            return
        try:
            await attachment.drained(DRAIN_SECONDS)
            journal = attachment.journal
            await journal.write(note(journal, Event.SESSION_STOPPED, detail))
        finally:
            await attachment.close()

    async def close(self) -> None:
        """Let go of all; the sessions go on."""
        for attachment in list(self._held.values()):
            await attachment.close()
        self._held.clear()

    async def containers(self) -> dict[str, Container]:
        """The project's containers by session id."""
        project = self.world.registry.project_id()
        found = await self.world.engine.containers(project)
        return {c.labels.get("orchestrator.session", ""): c for c in found}

    async def watch(self) -> None:
        """Look at the engine again and again: let go of what ended, hold what came back."""
        down = False
        while True:
            await self.world.clock.sleep(LOOK_EVERY)
            try:
                containers = await self.containers()
            except OrchestratorError as exc:
                if not down:
                    log.warning("engine_lost", reason=exc.message)
                down = True
                continue
            down = False
            for session in self.world.registry.sessions():
                if session.session_id not in self.busy:
                    await self._look(session, containers.get(session.session_id))

    async def _look(self, session: Session, container: Container | None) -> None:
        held = session.session_id in self._held
        up = container is not None and container.state in _UP
        try:
            if held and not up:
                code = container.exit_code if container else None
                await self.detach(session.session_id, {"why": "its container ended", "exit_code": code})
            elif not held and up and session.desired is Desired.RUNNING and session.container_id:
                await self.attach(session, Event.SESSION_RESUMED, {"found": "its container came back"})
        except OrchestratorError as exc:
            log.warning("watch_failed", session_id=session.session_id, reason=exc.message)


def note(journal: Journal, event: Event, detail: Mapping[str, object]) -> Draft:
    """An event of the daemon's own about a session."""
    return Draft(
        timestamp=journal.now(),
        type=event,
        direction=Direction.SYSTEM,
        sender="orchestrator",
        data=dict(detail),
    )
