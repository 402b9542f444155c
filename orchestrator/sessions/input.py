"""Sending: a message to a session, or the commands that would carry it."""

from collections.abc import Sequence

from orchestrator.core.receipt import Mode, Receipt, Route
from orchestrator.core.routing import check_message
from orchestrator.core.session import Session
from orchestrator.sessions.deliver import marked
from orchestrator.sessions.fleet import Fleet
from orchestrator.sessions.step import Step


async def send(
    fleet: Fleet,
    session: Session,
    text: str,
    *,
    mode: Mode,
    wish: Route,
    sender: str,
    tags: Sequence[str],
    system: bool,
) -> Receipt:
    """Queue a message for a running session; see `Deliverer.accept`."""
    hold = await fleet.hold(session)
    return await hold.deliverer.accept(text, mode=mode, wish=wish, sender=sender, tags=tags, system=system)


async def plan_input(
    fleet: Fleet, session: Session, text: str, wish: Route, *, sender: str, system: bool
) -> list[Step]:
    """The route that this message would take now, and the commands on it."""
    text = marked(check_message(text), sender, system=system)
    route = await (await fleet.hold(session)).deliverer.would_take(text, wish)
    describe = fleet.world.describe
    if route is Route.TMUX:
        return [Step("tmux", line) for line in describe.paste(session, text)]
    return [Step("codex", line) for line in describe.start_turn(session, text)]
