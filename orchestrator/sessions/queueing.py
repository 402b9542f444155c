"""Which message of a session goes next, whether it may go now, and whether another may wait: pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.core.activity import Activity, State
from orchestrator.core.errors import RateLimited, SessionBusy
from orchestrator.core.receipt import Delivery, Mode, Receipt

#: After an error codex takes the next message as after any other turn.
FREE = frozenset({Activity.IDLE, Activity.ERROR})
URGENT = frozenset({Mode.STEER, Mode.INTERRUPT})


@dataclass(frozen=True, slots=True)
class Step:
    """The next message and what has to be done for it first."""

    receipt: Receipt
    interrupt: bool = False
    steer: bool = False


def next_step(outbox: Sequence[Receipt], state: State) -> Step | None:
    """The step that may be made now: urgent messages before queued ones, each kind in its order.

    None while a message is on its way (one writer a session), or while nothing may go.
    """
    if any(r.state in {Delivery.WRITTEN, Delivery.ACCEPTED} for r in outbox):
        return None
    queued = [r for r in outbox if r.state is Delivery.QUEUED]
    urgent = [r for r in queued if r.mode in URGENT]
    if state.activity in FREE:
        return Step((urgent or queued)[0]) if queued else None
    if not urgent or not state.activity.in_turn or not state.turn_id:
        return None
    first = urgent[0]
    return Step(first, interrupt=first.mode is Mode.INTERRUPT, steer=first.mode is Mode.STEER)


def free_now(outbox: Sequence[Receipt], state: State) -> bool:
    """Whether a message would go at once: what `if-idle` asks."""
    return state.activity in FREE and not any(r.state is not Delivery.UNKNOWN for r in outbox)


def check_queue(outbox: Sequence[Receipt], state: State, mode: Mode, limit: int) -> None:
    """Whether one more message may come in.

    Raises:
        SessionBusy: mode `if-idle`, and it would have to wait.
        RateLimited: so many wait already.
    """
    if mode is Mode.IF_IDLE and not free_now(outbox, state):
        raise SessionBusy(
            f"the session is {state.activity}; `if-idle` does not wait",
            hint="leave `--mode` out to queue the message",
        )
    waiting = sum(r.state is Delivery.QUEUED for r in outbox)
    if waiting >= limit:
        raise RateLimited(f"{waiting} messages wait for this session already")


def behind_answer(message_id: str, outbox: Sequence[Receipt], state: State) -> bool:
    """Whether it is a steering message that codex has accepted and shows only after a person's answer."""
    if state.activity not in {Activity.WAITING_PERMISSION, Activity.WAITING_INPUT}:
        return False
    return any(
        r.message_id == message_id and r.state is Delivery.ACCEPTED and r.mode is Mode.STEER for r in outbox
    )


def held_up(message_id: str, outbox: Sequence[Receipt], state: State) -> bool:
    """Whether such a message is waited for no longer: one that interrupts does not wait for an answer."""
    interrupting = any(r.state is Delivery.QUEUED and r.mode is Mode.INTERRUPT for r in outbox)
    return interrupting and behind_answer(message_id, outbox, state)
