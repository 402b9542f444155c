"""What a session is, does and said: the answers behind `ps`, `status`, `snapshot` and the receipts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from orchestrator.core.activity import Activity, State
from orchestrator.core.envelope import Envelope
from orchestrator.core.errors import OrchestratorError
from orchestrator.core.ports import Container, ContainerState
from orchestrator.core.receipt import Delivery
from orchestrator.core.session import Session
from orchestrator.sessions.attach import Attachment
from orchestrator.sessions.diagnosis import UP
from orchestrator.sessions.fleet import Fleet
from orchestrator.sessions.supervised import Supervised, supervised

SCROLL_BACK = 50_000
#: What a container ends with whose first process got a SIGKILL.
KILLED = 137
_TO_COME = frozenset({Delivery.QUEUED, Delivery.WRITTEN, Delivery.ACCEPTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One session as its operator sees it: activity, what is desired, and the container are three things.

    `queued` counts the messages that are still to come: those that wait, and one that is on its way. One of
    which nobody can say whether it arrived is not among them.
    """

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
    store = fleet.world.store
    outbox = held.journal.outbox if held else await store.receipts(session.session_id, open_only=True)
    container = containers.get(session.session_id) if containers is not None else None
    state = held.journal.state if held else (await store.standing(session.session_id)).state
    coming = session.session_id in fleet.launching
    if not coming and containers is not None and (container is None or container.state not in UP):
        state = _stopped(state)
        if session.live and session.container_id and not fleet.changes(session.session_id):
            state = replace(state, doing=what_happened(container))
    status = supervised(fleet.world, session)
    return View(
        session=session,
        state=state,
        age_s=_age(state.since, fleet.world.clock.now()),
        container_state=_container_word(containers, container),
        queued=sum(r.state in _TO_COME for r in outbox),
        walls=status.walls,
        warnings=(*_of_the_moment(held, containers, container), *_warnings(session, status)),
    )


def _container_word(containers: dict[str, Container] | None, container: Container | None) -> str:
    if containers is None:
        return "unknown: the engine does not answer"
    return container.state.value if container else "gone"


def _stopped(state: State) -> State:
    if state.activity is Activity.STOPPED:
        return state
    return State(activity=Activity.STOPPED, since=state.since, source="the engine: its container is not up")


def what_happened(container: Container | None) -> str:
    """What became of the container of a session that should run, and what brings it back."""
    if container is None:
        return "container removed; `orchestrator resume-all` makes it again"
    how = "killed" if container.exit_code == KILLED else "ended"
    return f"container {how} ({container.exit_code}); `orchestrator resume-all` starts it"


def _age(since: str, now: int) -> float:
    if not since:
        return 0.0
    then = datetime.fromisoformat(since).timestamp()
    return max(0.0, round(now / 1_000_000 - then, 1))


def _of_the_moment(
    held: Attachment | None, containers: dict[str, Container] | None, container: Container | None
) -> list[str]:
    found = [] if containers is not None else ["the engine does not answer: this is what was last known"]
    if container is not None and container.state is ContainerState.PAUSED:
        found.append(
            f"its container is paused, nothing goes on in it: `docker unpause {container.name}`, "
            "or `orchestrator resume-all`"
        )
    if held and held.deliverer.hindrance:
        found.append(f"messages wait: {held.deliverer.hindrance}")
    return found


def _warnings(session: Session, status: Supervised) -> list[str]:
    found = [status.fault] if status.fault else []
    if session.policies.approvals_are_advisory:
        found.append("approvals are advisory: the agent is not sandboxed inside its container")
    if status.phase == "failed":
        found.append(f"the supervisor gave up: {status.reason}")
    found += [f"{part} does not answer since {since}" for part, since in sorted(status.silent.items())]
    if status.walls.get("codex_sandbox") == "broken":
        found.append("codex's own sandbox does not work on this engine: its commands will fail")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A session's screen and the last of its envelopes.

    `screen` is empty where no container runs, and where it cannot be read: `screen_error` says why then.
    """

    view: View
    screen: str
    screen_error: str
    envelopes: tuple[Envelope, ...]
    next_seq: int


async def snapshot(fleet: Fleet, session: Session, *, lines: int, full: bool) -> Snapshot:
    """The visible screen with the last `lines` envelopes, or, when `full`, the scroll-back too."""
    page = await fleet.world.store.latest(session.session_id, max(lines, 1))  # the cursor comes with the last
    screen, fault = await _screen(await fleet.soon(session.session_id), full=full)
    return Snapshot(
        view=await view(fleet, session),
        screen=screen,
        screen_error=fault,
        envelopes=page.envelopes if lines else (),
        next_seq=page.next_seq,
    )


async def _screen(held: Attachment | None, *, full: bool) -> tuple[str, str]:
    """What is on the screen, or why it cannot be read: the history is there without it."""
    if held is None:
        return "", ""
    try:
        return await held.terminal.capture(SCROLL_BACK if full else None), ""
    except OrchestratorError as exc:
        return "", exc.message
