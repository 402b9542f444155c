"""The way in: one writer a session takes its messages one by one and proves each before the next.

A message is marked as written before the first byte goes out. So whatever dies in between, it is
afterwards `unknown` at worst, settled by the recorder's word, and never sent again.
"""

import asyncio
from collections.abc import Sequence

import structlog
from aiolimiter import AsyncLimiter

from orchestrator.core.errors import (
    CodexRefused,
    ConnectionLost,
    InvalidInput,
    OrchestratorError,
    RouteRefused,
    SessionBusy,
    SessionNotRunning,
)
from orchestrator.core.ports import Codex, Terminal
from orchestrator.core.receipt import Delivery, Mode, Receipt, Route
from orchestrator.core.routing import check_message, why_not_typed
from orchestrator.sessions.entrance import Entrance, NotNowError
from orchestrator.sessions.journal import Journal
from orchestrator.sessions.queueing import FREE, Step, behind_answer, check_queue, held_up, next_step
from orchestrator.sessions.settle import end_without
from orchestrator.sessions.world import World, within

log = structlog.get_logger()

SYSTEM_TAG = "system-note"
_ON_THE_WAY = frozenset({Delivery.WRITTEN, Delivery.ACCEPTED})
_NOT_SHOWN = "codex has not shown it as a message in time"
_UNHELD = "nobody held the session while it was on its way"
_OVERTAKEN = "codex shows it after a person's answer only, and a message that interrupts went first"
LOOK_AGAIN = 0.2
POSTPONED = 1.0


def marked(text: str, sender: str, *, system: bool) -> str:
    """The text as codex gets it; what the system inserts says so in the text itself."""
    return f"[system note from {sender}] {text}" if system else text


def check_words(text: str, wish: Route, sender: str, *, system: bool) -> str:
    """The text as codex gets it.

    Raises:
        InvalidInput: empty, or longer than codex takes.
        RouteRefused: tmux was asked for, and typing could never carry it.
    """
    whole = marked(check_message(text), sender, system=system)
    if wish is Route.TMUX and (reason := why_not_typed(whole)):
        raise RouteRefused(f"not typed: {reason}", hint="`--route app-server` carries any text")
    return whole


class Deliverer:
    """Owns the queue of one session."""

    def __init__(self, world: World, journal: Journal, terminal: Terminal, codex: Codex) -> None:
        self._world = world
        self._journal = journal
        self.terminal = terminal
        self._entrance = Entrance(world, journal, terminal, codex)
        per_minute = world.rules.rate_per_minute
        self._limiter = AsyncLimiter(per_minute, 60.0)
        self._door = asyncio.Lock()
        self._shut = False
        self._admitted = ""
        self._hindrance = ""
        #: The ended turn whose messages have been seen to.
        self._seen_to = ""

    @property
    def hindrance(self) -> str:
        """Why the next message did not go although it may; empty where none may go, or nothing keeps it."""
        return self._hindrance if self._next() else ""

    def disturbed(self) -> None:
        """The recorder says that a part of codex was restarted: its screen has to settle again."""
        self._entrance.disturbed()

    async def accept(
        self, text: str, *, mode: Mode, wish: Route, sender: str, tags: Sequence[str], system: bool
    ) -> Receipt:
        """Queue a message; its receipt is durable when this returns.

        Raises:
            InvalidInput: empty, or longer than codex takes.
            SessionBusy: mode `if-idle`, and it would have to wait.
            RateLimited: too many messages wait already.
            RouteRefused: tmux was asked for, and typing could never carry this text.
            SessionNotRunning: it is being stopped.
        """
        text = check_words(text, wish, sender, system=system)
        async with self._door:
            if self._shut:
                session = self._journal.session
                raise SessionNotRunning(f"{session.role} ({session.session_id}) is being stopped")
            now, outbox = self._journal.now(), self._journal.outbox
            check_queue(outbox, self._journal.state, mode, self._world.rules.queue_limit)
            last = max((r.position for r in outbox), default=0)
            return await self._journal.put(
                Receipt(
                    message_id=self._world.message_id(),
                    session_id=self._journal.session.session_id,
                    position=max(self._world.clock.now(), last + 1),
                    sender=sender,
                    text=text,
                    tags=(*tags, SYSTEM_TAG) if system else tuple(tags),
                    mode=mode,
                    wish=wish,
                    created_at=now,
                    updated_at=now,
                )
            )

    async def forsake(self) -> None:
        """What a former holder was about to write, and the recorder does not know of, is unknown."""
        while (receipt := self._on_its_way()) is not None:
            await self._journal.move(receipt.message_id, Delivery.UNKNOWN, reason=_UNHELD)

    async def shut(self) -> None:
        """Take no more messages, and begin no other one; what was accepted before is stored by now."""
        async with self._door:
            self._shut = True

    async def run(self) -> None:
        """Take one message after the other; whatever is found on its way is waited for first.

        That may be one of which this broke off, or one that the store marked without an answer in time.
        """
        await self._journal.refresh()
        while True:
            lost = self._on_its_way()
            if lost is not None:
                await self._prove(lost.message_id, Route.APP_SERVER)
                continue
            if self._turn_ended():
                await self._settle_left()
                continue
            step = self._next()
            if step is None:
                await self._journal.until(
                    lambda: bool(self._on_its_way() or self._next() or self._turn_ended())
                )
                continue
            if step.receipt.message_id == self._admitted:
                await self._make(step)
                continue
            await self._limiter.acquire()  # once a message; what is to be done may be another thing by then
            self._admitted = step.receipt.message_id

    def _next(self) -> Step | None:
        return None if self._shut else next_step(self._journal.outbox, self._journal.state)

    def _on_its_way(self) -> Receipt | None:
        return next((r for r in self._journal.outbox if r.state in _ON_THE_WAY), None)

    async def _make(self, step: Step) -> None:
        hindrance = ""
        try:
            hindrance = await self._attempt(step)
        finally:
            self._hindrance = hindrance
        if hindrance:
            await self._world.clock.sleep(POSTPONED)
            await self._journal.refresh()  # it may be marked, although the store did not say so in time

    async def _attempt(self, step: Step) -> str:
        """Write one message and prove it; why it was postponed instead, or an empty string."""
        message_id = step.receipt.message_id
        try:
            if step.interrupt:
                await self._entrance.interrupt()
            route, turn_id = await self._entrance.write(step.receipt)
        except NotNowError:
            await self._world.clock.sleep(LOOK_AGAIN)
            return ""
        except (RouteRefused, CodexRefused, SessionBusy, InvalidInput) as exc:
            await self._journal.move(message_id, Delivery.FAILED, reason=exc.message)
            return ""
        except OrchestratorError as exc:
            return await self._lost(message_id, exc)
        if turn_id:
            await self._journal.move(message_id, Delivery.ACCEPTED, turn_id=turn_id, route=route)
        await self._prove(message_id, route)
        return ""

    async def _lost(self, message_id: str, exc: OrchestratorError) -> str:
        """What may have arrived gets its end; what was not marked waits, and the reason is returned."""
        receipt = await self._journal.receipt(message_id)
        if receipt.state is not Delivery.QUEUED:
            certain = isinstance(exc, ConnectionLost) and not exc.ambiguous
            state = Delivery.FAILED if certain else Delivery.UNKNOWN
            await self._journal.move(message_id, state, reason=exc.message)
            return ""
        if exc.message != self._hindrance:
            log.warning("delivery_postponed", message_id=message_id, reason=exc.message)
        return exc.message

    async def _prove(self, message_id: str, route: Route) -> None:
        """Wait until the recorder shows the message, or say that it is unknown."""
        await self._shown(message_id, route)
        if self._left(message_id):
            await self._settle_left()
        if self._on_the_way(message_id):
            waits = held_up(message_id, self._journal.outbox, self._journal.state)
            await self._journal.move(message_id, Delivery.UNKNOWN, reason=_OVERTAKEN if waits else _NOT_SHOWN)

    async def _shown(self, message_id: str, route: Route) -> None:
        """Until nothing more is to be waited for, or for as long as codex may take.

        No time is counted while codex waits for a person's answer and shows no steered message before it.
        """
        limit, patience = self._world.rules.settle_seconds, self._world.rules.retry_enter_seconds
        if route is Route.TMUX:
            if await within(patience, self._journal.until(lambda: self._over(message_id))):
                return
            await self._entrance.press_again()
            limit -= patience
        while not self._over(message_id):
            await self._journal.until(lambda: self._over(message_id) or not self._behind_answer(message_id))
            began = self._world.clock.monotonic()
            ripe = self._journal.until(lambda: self._over(message_id) or self._behind_answer(message_id))
            if not await within(limit, ripe):
                return
            limit -= self._world.clock.monotonic() - began

    def _behind_answer(self, message_id: str) -> bool:
        return behind_answer(message_id, self._journal.outbox, self._journal.state)

    def _over(self, message_id: str) -> bool:
        return (
            not self._on_the_way(message_id)
            or self._left(message_id)
            or held_up(message_id, self._journal.outbox, self._journal.state)
        )

    def _turn_ended(self) -> bool:
        return self._journal.ended_turn != self._seen_to

    def _left(self, message_id: str) -> bool:
        """Whether the turn that had taken it is over."""
        ended = self._journal.ended_turn
        return bool(ended) and any(
            r.message_id == message_id and r.turn_id == ended for r in self._journal.outbox
        )

    async def _settle_left(self) -> None:
        """Give what the turn that ended last had taken, and never showed, its end."""
        ended = self._journal.ended_turn
        left = [r for r in self._journal.outbox if r.turn_id == ended]
        if left:
            told = await self._world.store.turn(self._journal.session.session_id, ended)
            for receipt in left:
                state, reason = end_without(receipt, [envelope.draft for envelope in told])
                if state is not receipt.state:
                    await self._journal.move(receipt.message_id, state, reason=reason)
        self._seen_to = ended

    def _on_the_way(self, message_id: str) -> bool:
        return any(r.message_id == message_id and r.state in _ON_THE_WAY for r in self._journal.outbox)

    async def settled(self, message_id: str) -> Receipt:
        """The receipt as soon as nothing more is known to come soon: queued behind a turn, or proven."""

        def quiet() -> bool:
            mine = next((r for r in self._journal.outbox if r.message_id == message_id), None)
            if mine is None or mine.state is Delivery.UNKNOWN:
                return True
            behind = self._journal.state.activity not in FREE and mine.mode is Mode.QUEUE
            return mine.state is Delivery.QUEUED and behind

        await self._journal.until(quiet)
        return await self._journal.receipt(message_id)

    async def would_take(self, text: str, wish: Route) -> Route:
        """The route that a message would take at this moment."""
        return await self._entrance.would_take(text, wish)

    async def interrupt(self) -> str:
        """Stop the running turn, whatever waits; see `Entrance.interrupt`."""
        return await self._entrance.interrupt()

    async def close(self) -> None:
        await self._entrance.close()
