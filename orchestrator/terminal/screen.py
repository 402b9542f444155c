"""Codex's screen inside a container: the `Terminal` port, through a held client or runs of their own.

Whatever only prepares or looks is repeated freely when a connection turns out to be dead. What types is
sent once, right after a preparation has proved the connection, and an unknown outcome is said as such.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from itertools import count

import structlog

from orchestrator.core.errors import (
    ConnectionLost,
    EngineRefused,
    EngineUnreachable,
    RouteRefused,
    SessionNotRunning,
    TimedOut,
)
from orchestrator.core.places import TMUX_SOCKET
from orchestrator.core.ports import ByteStream, Finished, Pane
from orchestrator.terminal import commands
from orchestrator.terminal.channel import ControlChannel, Refused
from orchestrator.terminal.commands import Command

log = structlog.get_logger()

OpenProgram = Callable[[Sequence[str]], Awaitable[ByteStream]]
RunProgram = Callable[[Sequence[str], bytes], Awaitable[Finished]]

_NOBODY = "codex is not on its screen; nothing was typed"
#: After a held client could not be started, so many seconds go by before the next attempt.
HOLD_AGAIN_AFTER = 5.0


class TmuxTerminal:
    """One session's screen. `open_program` holds a program in its container, `run_program` runs one."""

    def __init__(
        self,
        session_id: str,
        open_program: OpenProgram,
        run_program: RunProgram,
        *,
        socket: str = TMUX_SOCKET,
        limit: float = 10.0,
    ) -> None:
        self._session_id = session_id
        self._run_program = run_program
        self._socket = socket
        self._limit = limit
        self._one_writer = asyncio.Lock()
        client = commands.attach(socket, session_id)
        self._channel = ControlChannel(lambda: open_program(client), limit=limit)
        self._hold_again_at = 0.0
        self._buffer_prefix = f"m{secrets.token_hex(4)}"
        self._buffers = count(1)

    async def pane(self) -> Pane:
        """What tmux knows of the screen; one that is not there, or is a bare shell, is not alive."""
        try:
            return commands.read_facts(await self._look(*commands.facts(self._session_id)))
        except SessionNotRunning:
            return commands.no_pane()

    async def capture(self, lines: int | None) -> str:
        """The last lines of the screen with its scroll-back; None means only what is visible now.

        Raises:
            SessionNotRunning: there is no such screen.
        """
        return commands.read_capture(await self._look(commands.capture(self._session_id, lines)), lines)

    async def paste(self, text: str) -> None:
        """Put the text into the composer, bracketed, and press Enter.

        Raises:
            InvalidInput: a terminal would not carry the text.
            RouteRefused: there is no live pane; nothing was typed.
            ConnectionLost: where it is `ambiguous`, the text may have been typed; never paste it again.
        """
        buffer = f"{self._buffer_prefix}-{next(self._buffers)}"
        staged = commands.stage(text, buffer)
        submit = commands.submit(self._session_id, buffer)
        async with self._one_writer:
            if await self._prepared(staged):
                await self._type(submit, drop=buffer)
            else:
                await self._type_by_a_run(commands.load(buffer), submit, stdin=text.encode())

    async def press(self, *keys: str) -> None:
        """Press keys by their tmux names; the same errors as `paste`."""
        command = commands.press(self._session_id, keys)
        async with self._one_writer:
            if await self._prepared(()):
                await self._type(command)
            else:
                await self._type_by_a_run(command)

    async def close(self) -> None:
        async with self._one_writer:
            await self._channel.close()

    async def _look(self, *asked: Command) -> str:
        lines = [commands.line(command) for command in asked]
        async with self._one_writer:
            try:
                answer = await self._held(lines)
                return await self._run(*asked) if answer is None else answer
            except Refused as exc:
                raise _translated(exc, SessionNotRunning) from exc

    async def _prepared(self, lines: Sequence[str]) -> bool:
        """Whether the held client has done the lines, and so will carry what follows at once."""
        try:
            return await self._held(lines) is not None
        except Refused as exc:
            raise _translated(exc, RouteRefused) from exc

    async def _held(self, lines: Sequence[str]) -> str | None:
        """What the held client answers to lines that may be repeated; None where none can be held."""
        clock = asyncio.get_running_loop().time
        for _ in range(2):
            if clock() < self._hold_again_at:
                return None
            try:
                return await self._channel.ask(lines)
            except (ConnectionLost, EngineRefused) as exc:
                log.info("terminal_channel_lost", session_id=self._session_id, reason=exc.message)
                if not (isinstance(exc, ConnectionLost) and exc.ambiguous):
                    self._hold_again_at = clock() + HOLD_AGAIN_AFTER
        return None

    async def _type(self, command: Command, *, drop: str = "") -> None:
        try:
            answer = await self._channel.ask([commands.line(command)])
        except Refused as exc:
            await self._drop(drop)
            raise _translated(exc, RouteRefused) from exc
        except (ConnectionLost, TimedOut) as exc:
            raise _unknown(exc.message) from exc
        if commands.NOBODY in answer.splitlines():
            await self._drop(drop)
            raise RouteRefused(_NOBODY)

    async def _drop(self, buffer: str) -> None:
        """Named buffers stay for ever, so one that was not pasted is dropped; nothing depends on it."""
        if buffer:
            try:
                await self._channel.ask([f"delete-buffer -b {buffer}"])
            except (Refused, ConnectionLost, TimedOut) as exc:
                log.info("terminal_buffer_left", session_id=self._session_id, reason=str(exc))

    async def _type_by_a_run(self, *asked: Command, stdin: bytes = b"") -> None:
        try:
            answer = await self._run(*asked, stdin=stdin)
        except Refused as exc:
            raise _translated(exc, RouteRefused) from exc
        except (ConnectionLost, EngineUnreachable, TimedOut) as exc:
            raise _unknown(exc.message) from exc
        if commands.NOBODY in answer.splitlines():
            raise RouteRefused(_NOBODY)

    async def _run(self, *asked: Command, stdin: bytes = b"") -> str:
        """One client for these commands. Being kept out by tmux is told on stderr, with status 0."""
        words = commands.argv(self._socket, *asked)
        try:
            async with asyncio.timeout(self._limit):
                finished = await self._run_program(words, stdin)
        except TimeoutError as exc:
            raise TimedOut(f"tmux did not answer within {self._limit:g} s") from exc
        complaint = finished.stderr.decode(errors="replace").strip()
        if finished.status > 1 and not complaint:
            raise ConnectionLost(f"tmux's client ended with status {finished.status}")
        if finished.status or complaint:
            raise Refused(complaint or "tmux did not say why")
        return finished.stdout.decode(errors="replace")


def _translated(
    refused: Refused, gone: type[SessionNotRunning] | type[RouteRefused]
) -> SessionNotRunning | RouteRefused:
    words = str(refused)
    kind = gone if commands.says_gone(words) else RouteRefused
    return kind(f"codex's screen cannot be reached: {words}")


def _unknown(reason: str) -> ConnectionLost:
    return ConnectionLost(f"it is not known whether it was typed: {reason}", ambiguous=True)
