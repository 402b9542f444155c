"""What is done to codex and its screen for one message: typing, handing over, steering, stopping a turn.

A message is marked as written before the first byte goes out.
"""

import asyncio

import structlog

from orchestrator.core.errors import (
    CodexRefused,
    ConnectionLost,
    OrchestratorError,
    RouteRefused,
    SessionBusy,
    TimedOut,
)
from orchestrator.core.ports import Codex, Terminal
from orchestrator.core.receipt import Delivery, Mode, Receipt, Route
from orchestrator.core.routing import Surroundings, choose, why_not_now
from orchestrator.sessions.journal import Journal
from orchestrator.sessions.queueing import FREE
from orchestrator.sessions.screen import Screen
from orchestrator.sessions.world import World, within

log = structlog.get_logger()


class NotNowError(Exception):
    """Codex runs a turn that this message must not join."""


class Entrance:
    """The two ways into one session's codex; which one a message takes is decided as it goes."""

    def __init__(self, world: World, journal: Journal, terminal: Terminal, codex: Codex) -> None:
        self._world = world
        self._journal = journal
        self._codex = codex
        self._terminal = terminal
        self._screen = Screen(world.clock, terminal)

    def disturbed(self) -> None:
        """A part of codex was restarted: its screen has to settle again."""
        self._screen.disturb()

    async def write(self, receipt: Receipt) -> tuple[Route, str]:
        """Mark the message as written, then write it: its route, and the turn that codex says took it.

        Raises:
            NotNowError: it has to wait for the end of a turn.
            RouteRefused, CodexRefused, SessionBusy: it cannot go at all.
            ConnectionLost, TimedOut: the marked message may have arrived; an unmarked one has not.
        """
        thread = self._journal.session.thread_id
        around = await self._surroundings()
        if not around.idle and receipt.mode is Mode.STEER:
            return Route.APP_SERVER, await self._steer(receipt)
        if not around.idle and receipt.mode is Mode.IF_IDLE:
            raise SessionBusy
        if not around.idle:
            raise NotNowError
        route = choose(receipt.wish, receipt.text, around)
        await self._journal.move(receipt.message_id, Delivery.WRITTEN, route=route)
        if route is Route.TMUX and await self._typed(receipt):
            return route, ""
        turn_id = await self._codex.start_turn(thread, receipt.text, receipt.message_id)
        return Route.APP_SERVER, turn_id

    async def _typed(self, receipt: Receipt) -> bool:
        """Whether it was typed; where it certainly was not, and any route would do, another one is taken."""
        try:
            await self._terminal.paste(receipt.text)
        except RouteRefused:
            if receipt.wish is Route.TMUX:
                raise
            return False
        except ConnectionLost as exc:
            if exc.ambiguous:
                raise
            if receipt.wish is Route.TMUX:
                raise RouteRefused(f"not typed: {exc.message}") from exc
            return False
        return True

    async def _steer(self, receipt: Receipt) -> str:
        """Into the running turn; where it has just ended, codex says so, and a new one takes the message."""
        if receipt.wish is Route.TMUX:
            raise RouteRefused("a running turn is steered through the app-server only")
        thread = self._journal.session.thread_id
        turn = (await self._codex.status(thread)).turn_id or self._journal.state.turn_id
        await self._journal.move(receipt.message_id, Delivery.WRITTEN, route=Route.APP_SERVER)
        try:
            return await self._codex.steer(thread, turn, receipt.text, receipt.message_id)
        except CodexRefused:
            if (await self._codex.status(thread)).kind == "active":
                raise
            return await self._codex.start_turn(thread, receipt.text, receipt.message_id)

    async def would_take(self, text: str, wish: Route) -> Route:
        """The route that a message would take at this moment."""
        return choose(wish, text, await self._surroundings())

    async def _surroundings(self) -> Surroundings:
        status = await self._codex.status(self._journal.session.thread_id)
        seen = await self._screen.look()
        return Surroundings(
            idle=status.kind != "active",
            approval=self._journal.session.policies.approval,
            pane_alive=seen.pane.alive,
            screen_settled=seen.steady_for >= self._world.rules.screen_settles_seconds,
            people_attached=seen.pane.people,
            touched=seen.pane.touched,
        )

    async def press_again(self) -> None:
        """A screen that was just drawn can swallow Enter; a second one in an empty composer does nothing."""
        try:
            if not why_not_now(await self._surroundings()):
                await self._terminal.press("Enter")
        except OrchestratorError as exc:
            log.info("enter_not_repeated", reason=exc.message)

    async def interrupt(self) -> str:
        """Stop the running turn and what it left running; the turn's id, or an empty string when idle.

        Raises:
            TimedOut: codex did not close the turn in time.
        """
        thread = self._journal.session.thread_id
        status = await self._codex.status(thread)
        if status.kind != "active" or not status.turn_id:
            return ""
        await self._codex.interrupt(thread, status.turn_id)
        await self._codex.clean_terminals(thread)
        ended = self._journal.until(lambda: self._journal.state.activity in FREE)
        if not await within(self._world.rules.settle_seconds, ended):
            raise TimedOut("codex did not close the interrupted turn in time")
        return status.turn_id

    async def close(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(_quietly(self._terminal))
            group.create_task(_quietly(self._codex))


async def _quietly(channel: Terminal | Codex) -> None:
    try:
        await channel.close()
    except (ConnectionLost, OrchestratorError) as exc:
        log.info("channel_closed_badly", reason=exc.message)
