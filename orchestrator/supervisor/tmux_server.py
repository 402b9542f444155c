"""tmux with codex's screen in it: a server that stays our child, one session, one pane, one log.

It is looked at once a second, because each part can die alone: the server, the session, the TUI in the pane,
and the `cat` behind the pane.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from orchestrator.core import places
from orchestrator.core.errors import OrchestratorError, TimedOut
from orchestrator.supervisor.processes import CannotStart, Finished, Launcher, Part, PartFailed, tmux

_CONFIG = str(PurePosixPath(__file__).parent / "tmux.conf")
_WIDTH, _HEIGHT = "160", "50"
_LOOK_EVERY = 1.0
_PATIENCE = 5.0
_POLL = 0.05
_PIPE = f"exec cat >> {places.PANE_LOG}"
_FORMAT = "#{pane_dead} #{pane_pipe} #{pane_dead_status}#{pane_dead_signal}"


class Health(StrEnum):
    """What a look at the pane finds; `UNSEEN` is a look that could not be made, and no verdict."""

    SOUND = "sound"
    TUI_DEAD = "tui"
    PIPE_GONE = "pipe"
    SESSION_GONE = "session"
    SILENT = "silent"
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True)
class Look:
    """What was found, and the evidence."""

    health: Health
    detail: str = ""


def judge(finished: Finished) -> Look:
    """Read the answer of `list-panes`."""
    if finished.status < 0:
        return Look(Health.UNSEEN, f"the look ended with {finished.why}")
    if finished.status != 0:
        return Look(Health.SESSION_GONE, finished.output[:200])
    dead, _, rest = finished.output.partition(" ")
    piped, _, why = rest.partition(" ")
    if dead == "1":
        return Look(Health.TUI_DEAD, f"codex's screen ended with {why.strip() or 'no status'}")
    if piped == "0":
        return Look(Health.PIPE_GONE, "the pane's pipe ended")
    return Look(Health.SOUND)


class TmuxServer:
    """The server and its one session, named after ours."""

    def __init__(self, launcher: Launcher, session_id: str, command: Callable[[], str]) -> None:
        self._launcher = launcher
        self._session = session_id
        self._target = places.tmux_target(session_id)
        self._command = command
        self._part: Part | None = None

    @property
    def lived(self) -> float:
        return self._part.lived if self._part is not None else 0.0

    async def start(self) -> str:
        """Start server, session, TUI and pipe; the server's name is `pid start_time`.

        Raises:
            CannotStart: there is no room for it.
            PartFailed, TimedOut: it did not come up.
        """
        await self.end()
        self._part = None
        self._part = await self._launcher.keep("tmux", "-D", "-u", "-f", _CONFIG, "-S", places.TMUX_SOCKET)
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._make_session()
        except TimeoutError as exc:
            raise TimedOut("tmux did not come up") from exc
        named = await self._tell("display-message", "-p", "#{pid} #{start_time}")
        if named.status != 0:
            raise PartFailed(f"tmux does not say its name: {named.output[:200]}")
        return named.output

    async def look(self) -> Look:
        if not self._running().alive:
            return Look(
                Health.SESSION_GONE, f"the tmux server ended with {(await self._running().wait()).why}"
            )
        asked = tmux("list-panes", "-t", self._target, "-F", _FORMAT)
        try:
            return judge(await self._launcher.run(*asked, patience=_PATIENCE))
        except TimedOut as exc:
            return Look(Health.SILENT, exc.message)
        except CannotStart as exc:
            return Look(Health.UNSEEN, exc.message)

    async def watch(self, found: Callable[[Look], Awaitable[None]]) -> None:
        """Tell each finding, until the session is gone."""
        while True:
            look = await self.look()
            if look.health is Health.SESSION_GONE:
                raise PartFailed(look.detail)
            await found(look)
            await self._pause()

    async def respawn(self) -> None:
        await self._ask("respawn-pane", "-k", "-t", self._target, self._command())

    async def pipe(self) -> bool:
        """Whether there is one again."""
        return (await self._ask("pipe-pane", "-O", "-t", self._target, _PIPE)).status == 0

    async def end(self) -> None:
        if self._part is not None:
            await self._part.end(_PATIENCE)

    async def _pause(self) -> None:
        """Until the next look, or until the server dies."""
        try:
            async with asyncio.timeout(_LOOK_EVERY):
                await self._running().wait()
        except TimeoutError:
            return

    def _running(self) -> Part:
        if self._part is None:
            raise PartFailed("tmux was not started")
        return self._part

    async def _make_session(self) -> None:
        """In one command: a size that is set in the config crashes tmux 3.3a at its first client."""
        made = PartFailed("tmux was not asked")
        while self._running().alive:
            size = ("-x", _WIDTH, "-y", _HEIGHT)
            names = ("-s", self._session, "-n", places.WINDOW)
            pipe = (";", "pipe-pane", "-O", "-t", self._target, _PIPE)
            fixed = (";", "set", "-g", "window-size", "manual")
            answer = await self._tell("new-session", "-d", *names, *size, self._command(), *fixed, *pipe)
            if answer.status == 0:
                return
            made = PartFailed(f"tmux refused the session: {answer.output[:200]}")
            await asyncio.sleep(_POLL)
        ended = await self._running().wait()
        raise PartFailed(f"{made}; the server ended with {ended.why}")

    async def _tell(self, *args: str) -> Finished:
        return await self._launcher.run(*tmux(*args), patience=_PATIENCE)

    async def _ask(self, *args: str) -> Finished:
        """As `_tell`; where that fails, the next look finds what is missing still."""
        try:
            return await self._tell(*args)
        except OrchestratorError as exc:
            return Finished(1, str(exc))
