"""From a record and its folder to a running, attached session: what launching and resuming share."""

import asyncio
from dataclasses import replace

from orchestrator.core.errors import OrchestratorError
from orchestrator.core.events import Event
from orchestrator.core.session import Session
from orchestrator.sessions.attach import Attachment
from orchestrator.sessions.fleet import Fleet
from orchestrator.sessions.ready import until_ready
from orchestrator.sessions.supervised import Supervised
from orchestrator.sessions.world import World


async def create_and_start(fleet: Fleet, session: Session) -> Session:
    """A new container for the session, started; the record knows it.

    A container that was created but could not be started is removed again. `EngineUnfit` where no session can
    live on the engine, which may be another one than the session was launched on.
    """
    world = fleet.world
    await world.engine.fit(str(world.home.root))
    world.folders.write_order(session)
    container_id = await world.engine.create(world.plan(session))
    try:
        await world.engine.start(session.container_name)
    except OrchestratorError:
        await world.engine.remove(session.container_name)
        raise
    return replace(session, container_id=container_id)


async def ready_and_attached(
    fleet: Fleet, session: Session, *, before: Supervised | None, event: Event, detail: dict[str, object]
) -> Attachment:
    """Wait for the supervisor, note the thread and the branch in the record, and hold the session."""
    world = fleet.world
    status = await until_ready(world, session, before=before)
    session = replace(
        session,
        thread_id=world.folders.thread_id(session) or status.thread_id,
        branch=await asyncio.to_thread(world.workspaces.branch, session.workspace),
    )
    world.registry.put(session)
    return await fleet.attach(session, event, detail)


async def forget(world: World, session: Session) -> None:
    """Leave nothing of a session that never came up. While its record is there, resuming tries again."""
    await world.engine.remove(session.container_name)
    await asyncio.to_thread(world.folders.remove, session)
    await world.store.forget(session.session_id)
    world.registry.remove(session.session_id)
