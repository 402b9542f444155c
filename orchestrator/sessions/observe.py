"""What a session is, does and said: the answers behind `ps`, `status`, `snapshot` and the receipts."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orchestrator.codex.outcome import Outcome, outcome
from orchestrator.core.activity import Activity, State, advance
from orchestrator.core.envelope import Envelope
from orchestrator.core.errors import OrchestratorError, TimedOut
from orchestrator.core.events import Event
from orchestrator.core.ports import Container, ContainerState
from orchestrator.core.receipt import Delivery, Receipt
from orchestrator.core.session import Session
from orchestrator.sessions.fleet import Fleet
from orchestrator.sessions.journal import REMEMBERED

_UP = frozenset({ContainerState.RUNNING, ContainerState.RESTARTING, ContainerState.PAUSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One session as its operator sees it: activity, what is desired, and the container are three things."""

    session: Session
    state: State
    age_s: float
    container_state: str
    queued: int
    walls: Mapping[str, Any]
    warnings: tuple[str, ...]


async def views(fleet: Fleet, sessions: list[Session]) -> list[View]:
    """A view of each; an engine that does not answer is said in it and marks nothing as dead."""
    try:
        containers: dict[str, Container] | None = await fleet.containers()
    except OrchestratorError:
        containers = None
    return [await _view(fleet, session, containers) for session in sessions]


async def view(fleet: Fleet, session: Session) -> View:
    return (await views(fleet, [session]))[0]


async def _view(fleet: Fleet, session: Session, containers: dict[str, Container] | None) -> View:
    held = fleet.held(session.session_id)
    container = containers.get(session.session_id) if containers is not None else None
    state = held.journal.state if held else await _stored_state(fleet, session)
    if containers is not None and (container is None or container.state not in _UP):
        state = _stopped(state)
    status = fleet.world.folders.status(session)
    return View(
        session=session,
        state=state,
        age_s=_age(state.since, fleet.world.clock.now()),
        container_state=_container_word(containers, container),
        queued=sum(r.state is Delivery.QUEUED for r in held.journal.outbox) if held else 0,
        walls=status.get("walls", {}),
        warnings=tuple(_warnings(session, status, engine_answers=containers is not None)),
    )


def _container_word(containers: dict[str, Container] | None, container: Container | None) -> str:
    if containers is None:
        return "unknown: the engine does not answer"
    return container.state.value if container else "gone"


def _stopped(state: State) -> State:
    if state.activity is Activity.STOPPED:
        return state
    return State(activity=Activity.STOPPED, since=state.since, source="the engine: its container is not up")


async def _stored_state(fleet: Fleet, session: Session) -> State:
    state = State()
    for envelope in (await fleet.world.store.latest(session.session_id, REMEMBERED)).envelopes:
        state = advance(state, envelope.draft)
    return state


def _age(since: str, now: int) -> float:
    if not since:
        return 0.0
    then = datetime.fromisoformat(since).timestamp()
    return max(0.0, round(now / 1_000_000 - then, 1))


def _warnings(session: Session, status: Mapping[str, Any], *, engine_answers: bool) -> list[str]:
    found = []
    if not engine_answers:
        found.append("the engine does not answer: this is what was last known")
    if session.policies.approvals_are_advisory:
        found.append("approvals are advisory: the agent is not sandboxed inside its container")
    if status.get("phase") == "failed":
        found.append(f"the supervisor gave up: {status.get('reason')}")
    if status.get("walls", {}).get("codex_sandbox") == "broken":
        found.append("codex's own sandbox does not work on this engine: its commands will fail")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A session's screen and the last of its envelopes; `screen` is empty where no container runs."""

    view: View
    screen: str
    envelopes: tuple[Envelope, ...]
    next_seq: int


async def snapshot(fleet: Fleet, session: Session, *, lines: int, full: bool) -> Snapshot:
    """The visible screen with the last `lines` envelopes, or, when `full`, the scroll-back too."""
    page = await fleet.world.store.latest(session.session_id, lines)
    held = fleet.held(session.session_id)
    screen = await held.terminal.capture(SCROLL_BACK if full else None) if held else ""
    return Snapshot(
        view=await view(fleet, session), screen=screen, envelopes=page.envelopes, next_seq=page.next_seq
    )


SCROLL_BACK = 50_000


async def settled(fleet: Fleet, message_id: str, seconds: float) -> Receipt:
    """The receipt once it is proven or known to wait behind a turn, or as it is when the time is over."""
    receipt = await fleet.world.store.receipt(message_id)
    held = fleet.held(receipt.session_id)
    if held is None:
        return receipt
    try:
        async with asyncio.timeout(seconds):
            return await held.deliverer.settled(message_id)
    except TimeoutError:
        return await held.journal.receipt(message_id)


async def committed(fleet: Fleet, message_id: str, seconds: float) -> Receipt:
    """The receipt once it is final or unknown.

    Raises:
        TimedOut: it is still on its way; it has not been taken back.
    """
    receipt = await fleet.world.store.receipt(message_id)
    held = fleet.held(receipt.session_id)
    if held is None:
        return receipt
    journal = held.journal
    done = journal.until(lambda: _over(message_id, journal.outbox))
    try:
        async with asyncio.timeout(seconds):
            await done
    except TimeoutError:
        now = await journal.receipt(message_id)
        raise TimedOut(
            f"message {message_id} is still {now.state} after {seconds:.0f} s; it has not been taken back",
            hint="wait longer with `--timeout`, or look at `orchestrator status`",
        ) from None
    return await journal.receipt(message_id)


def _over(message_id: str, outbox: list[Receipt]) -> bool:
    mine = next((r for r in outbox if r.message_id == message_id), None)
    return mine is None or mine.state is Delivery.UNKNOWN


async def turn_of(fleet: Fleet, receipt: Receipt, seconds: float) -> Outcome:
    """What the turn that took this message came to, once it is over.

    Raises:
        TimedOut: the turn still runs; it goes on.
    """
    held = fleet.held(receipt.session_id)
    if held is None:
        return await _turn(fleet, receipt)
    with held.journal.feed.subscribed() as queue:
        try:
            async with asyncio.timeout(seconds):
                while not (done := await _turn(fleet, receipt)).over:
                    while (envelope := await queue.get()) is not None:
                        if envelope.draft.type in {Event.TURN_COMPLETED, Event.SESSION_STOPPED}:
                            break
                    if envelope is None or envelope.draft.type == Event.SESSION_STOPPED:
                        return await _turn(fleet, receipt)
                return done
        except TimeoutError:
            raise TimedOut(
                f"the turn still runs after {seconds:.0f} s; it goes on",
                hint="wait longer with `--timeout`, or look at `orchestrator status`",
            ) from None


async def _turn(fleet: Fleet, receipt: Receipt) -> Outcome:
    page = await fleet.world.store.latest(receipt.session_id, REMEMBERED)
    return outcome([e.draft for e in page.envelopes], receipt.turn_id)
