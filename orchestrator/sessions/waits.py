"""Waiting for a message: until it is settled, until codex has it, until its turn is over.

A session may be let go of and held again meanwhile (an engine that restarts, another daemon); a wait goes on
through that, and ends with a clear word where nothing can come any more.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from orchestrator.codex.outcome import Outcome, outcome
from orchestrator.core.errors import SessionNotFound, SessionNotRunning, TimedOut
from orchestrator.core.events import Event
from orchestrator.core.receipt import Delivery, Receipt
from orchestrator.sessions.attach import Attachment
from orchestrator.sessions.fleet import Fleet

#: How often a session that is not held is looked at again.
LOOK_EVERY = 0.2
_WAIT_LONGER = "wait longer with `--timeout`, or look at `orchestrator status`"
_NOTHING_COMES = frozenset({Delivery.COMMITTED, Delivery.FAILED, Delivery.UNKNOWN})


async def settled(fleet: Fleet, message_id: str, seconds: float) -> Receipt:
    """The receipt once it is proven or known to wait behind a turn, or as it is when the time is over."""
    receipt = await fleet.world.store.receipt(message_id)
    try:
        async with asyncio.timeout(seconds):
            while receipt.state not in _NOTHING_COMES:
                held = await fleet.soon(receipt.session_id)
                if held is None:
                    return receipt
                try:
                    return await held.deliverer.settled(message_id)
                except SessionNotRunning:  # let go of meanwhile
                    receipt = await fleet.world.store.receipt(message_id)
    except TimeoutError:
        held = fleet.held(receipt.session_id)
        return await _as_it_is(held, message_id) if held else receipt
    return receipt


async def _as_it_is(held: Attachment, message_id: str) -> Receipt:
    """With what keeps it, where something does."""
    receipt = await held.journal.receipt(message_id)
    if receipt.state is Delivery.QUEUED and held.deliverer.hindrance:
        return replace(receipt, reason=held.deliverer.hindrance)
    return receipt


async def committed(fleet: Fleet, message_id: str, seconds: float) -> Receipt:
    """The receipt once it is final or unknown.

    Raises:
        TimedOut: it is still on its way; it has not been taken back.
        SessionNotRunning: the same, and nothing runs that it could go to.
    """
    receipt = await fleet.world.store.receipt(message_id)
    try:
        async with asyncio.timeout(seconds):
            while receipt.state not in _NOTHING_COMES:
                held = await _wanted_hold(fleet, receipt.session_id)
                if held is not None:
                    await _until(held, lambda h=held: _over(h, message_id))  # type: ignore[misc]  # bound now
                receipt = await fleet.world.store.receipt(message_id)
    except TimeoutError:
        _check_held(fleet, receipt)
        raise TimedOut(
            f"message {message_id} is still {receipt.state} after {seconds:.0f} s; it was not taken back",
            hint=_WAIT_LONGER,
        ) from None
    return receipt


def _over(held: Attachment, message_id: str) -> bool:
    mine = next((r for r in held.journal.outbox if r.message_id == message_id), None)
    return mine is None or mine.state is Delivery.UNKNOWN


async def _until(held: Attachment, holds: Callable[[], bool]) -> None:
    try:
        await held.journal.until(holds)
    except SessionNotRunning:
        return  # let go of meanwhile; the caller looks again


async def _wanted_hold(fleet: Fleet, session_id: str) -> Attachment | None:
    """The hold; None, after a moment, where there is none now but one is to be expected.

    Raises:
        SessionNotRunning: the session was told to stop, or is gone.
    """
    held = await fleet.soon(session_id)
    if held is not None:
        return held
    try:
        wanted = fleet.world.registry.get(session_id).live
    except SessionNotFound:
        wanted = False
    if not wanted:
        raise SessionNotRunning(f"session {session_id} has ended")
    await fleet.world.clock.sleep(LOOK_EVERY)
    return None


def _check_held(fleet: Fleet, receipt: Receipt) -> None:
    if fleet.held(receipt.session_id) is None:
        raise SessionNotRunning(
            f"message {receipt.message_id} is {receipt.state}; its session {receipt.session_id} does not run",
            hint="`orchestrator resume-all` starts it again, and delivers what waits",
        ) from None


async def turn_of(fleet: Fleet, receipt: Receipt, seconds: float) -> Outcome:
    """What the turn that took this message came to, once it is over.

    Raises:
        TimedOut: the turn still runs; it goes on.
        SessionNotRunning: the session ended before it had told how the turn did.
    """
    try:
        async with asyncio.timeout(seconds):
            while not (done := await _turn(fleet, receipt)).over:
                held = await _wanted_hold(fleet, receipt.session_id)
                if held is not None:
                    await _next_end(fleet, held, receipt)
            return done
    except TimeoutError:
        _check_held(fleet, receipt)
        raise TimedOut(f"the turn still runs after {seconds:.0f} s; it goes on", hint=_WAIT_LONGER) from None


async def _next_end(fleet: Fleet, held: Attachment, receipt: Receipt) -> None:
    """Until the turn is over, or the hold is."""
    with held.journal.feed.subscribed() as queue:
        while not (await _turn(fleet, receipt)).over:
            may_have_missed = queue.full()
            while (envelope := await queue.get()) is not None:
                if may_have_missed or envelope.draft.type == Event.TURN_COMPLETED:
                    break
                may_have_missed = queue.full()
            if envelope is None:
                return


async def _turn(fleet: Fleet, receipt: Receipt) -> Outcome:
    envelopes = await fleet.world.store.turn(receipt.session_id, receipt.turn_id)
    return outcome([envelope.draft for envelope in envelopes], receipt.turn_id)
