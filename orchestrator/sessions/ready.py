"""Waiting until the supervisor inside a container says that codex and its screen are up."""

from orchestrator.core.errors import ContainerGone, LaunchFailed, TimedOut
from orchestrator.core.ports import ContainerState
from orchestrator.core.session import Session
from orchestrator.sessions.supervised import Supervised, supervised
from orchestrator.sessions.world import World

LOOK_EVERY = 0.05
INSPECT_EVERY = 10
_OVER = frozenset({ContainerState.EXITED, ContainerState.DEAD})


async def until_ready(world: World, session: Session, *, before: Supervised | None) -> Supervised:
    """The supervisor's status once it is ready, in a later start than the one that `before` tells of.

    Where it was not started anew, there is no `before`: what it says now counts. A supervisor that refuses
    to start at all says so without counting a boot.

    Raises:
        LaunchFailed: it gave up, with its own reason.
        TimedOut: it was not ready in `Rules.ready_seconds`.
    """
    deadline = world.clock.monotonic() + world.rules.ready_seconds
    looked = 0
    while world.clock.monotonic() < deadline:
        status = supervised(world, session)
        booted = before is None or status.boot > before.boot
        if booted and status.phase == "ready":
            return status
        spoke = before is None or status.updated_at != before.updated_at
        if (booted or spoke) and status.phase == "failed":
            raise LaunchFailed(f"the supervisor gave up: {status.reason or 'without a reason'}")
        looked += 1
        if looked % INSPECT_EVERY == 0:
            await _still_up(world, session, status)
        await world.clock.sleep(LOOK_EVERY)
    raise TimedOut(
        f"codex was not ready within {world.rules.ready_seconds:.0f} s",
        hint=f"`docker logs {session.container_name}` shows how far it came",
    )


async def _still_up(world: World, session: Session, status: Supervised) -> None:
    try:
        container = await world.engine.inspect(session.container_name)
    except ContainerGone:
        raise LaunchFailed("the container was removed while it started") from None
    if container.state in _OVER:
        reason = status.reason or f"`docker logs {session.container_name}` may tell why"
        raise LaunchFailed(f"the container exited ({container.exit_code}): {reason}")
