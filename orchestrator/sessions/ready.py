"""Waiting until the supervisor inside a container says that codex and its screen are up."""

from orchestrator.core.errors import ContainerGone, LaunchFailed, TimedOut
from orchestrator.core.ports import ContainerState
from orchestrator.core.session import Session
from orchestrator.sessions.last_words import last_words
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
        LaunchFailed: it gave up or its container ended, with its own reason or else the end of the log.
        TimedOut: it was not ready in `Rules.ready_seconds`, with the end of the log.
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
            await _still_up(world, session, status.reason if booted or spoke else "")
        await world.clock.sleep(LOOK_EVERY)
    waited = f"codex was not ready within {world.rules.ready_seconds:.0f} s"
    raise TimedOut(await _with_log(world, session, waited))


async def _still_up(world: World, session: Session, reason: str) -> None:
    try:
        container = await world.engine.inspect(session.container_name)
    except ContainerGone:
        raise LaunchFailed("the container was removed while it started") from None
    if container.state in _OVER:
        exited = f"the container exited ({container.exit_code})"
        if reason:
            raise LaunchFailed(f"{exited}: {reason}")
        raise LaunchFailed(await _with_log(world, session, exited))


async def _with_log(world: World, session: Session, what: str) -> str:
    """What went wrong with the end of the log: a launch that failed takes its container with it."""
    said = await last_words(world, session)
    return f"{what}; its log ends with: {said}" if said else what
