"""The app-server: one child process, its socket, and proof that it is our child who listens there.

The agent has the app-server's own uid, so it can end it and listen in its place. Whoever listens is asked
of the kernel (SO_PEERCRED) at each connection and every few seconds; an impostor is killed.
"""

import asyncio
import hashlib
import os
import signal
from pathlib import Path

from orchestrator.codex_connection import unix
from orchestrator.codex_connection.peer import Connection
from orchestrator.core import places
from orchestrator.core.errors import ConnectionLost, OrchestratorError
from orchestrator.supervisor.processes import Launcher, Part, PartFailed, kill

_PATIENCE = 10.0
_POLL = 0.02
_GUARD_EVERY = 2.0
_MISSES_ALLOWED = 3
_DRAIN, _SECOND_TERM = 3.0, 2.0
_INIT = 1


class Imitated(OrchestratorError):
    """Somebody else listens on the app-server's socket."""

    code = "imitated"

    def __init__(self, what: str, pid: int) -> None:
        super().__init__(f"{what} (process {pid})")
        self.what = what
        self.pid = pid


class AppServer:
    """The child and the way to it."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._part: Part | None = None

    @property
    def pid(self) -> int:
        return self._part.pid if self._part is not None and self._part.alive else 0

    @property
    def lived(self) -> float:
        return self._part.lived if self._part is not None else 0.0

    async def start(self) -> None:
        """Start it on a socket that nobody holds.

        Raises:
            Imitated: somebody listens already; he is dead now and the socket is gone. Start again.
            CannotStart: there is no room for it.
        """
        self._part = None
        await self.check(absent_is_fine=True)
        self._part = await self._launcher.keep(
            "codex", "app-server", "--listen", f"unix://{places.APP_SOCKET}"
        )

    async def wait(self) -> str:
        """Wait for its end; the reason in words."""
        return (await self._running().wait()).why

    async def connect(self, name: str) -> Connection:
        """A connection to our own child, as soon as it listens.

        Raises:
            PartFailed: it ended, or did not listen in time.
            Imitated: somebody else listens.
            ConnectionLost, TimedOut, CodexRefused: as `Connection.open` says.
        """
        try:
            async with asyncio.timeout(_PATIENCE):
                stream = await self._reach()
        except TimeoutError as exc:
            raise PartFailed(f"the app-server did not listen within {_PATIENCE:g} s") from exc
        if stream.listener.pid != self.pid:
            await stream.close()
            self._evict(stream.listener.pid)
        return await Connection.open(stream, name=name, timeout=_PATIENCE)

    async def guard(self) -> None:
        """Look every few seconds who listens; ends only by raising `Imitated`."""
        misses = 0
        while True:
            await asyncio.sleep(_GUARD_EVERY)
            misses = 0 if await self.check(absent_is_fine=misses < _MISSES_ALLOWED) else misses + 1

    async def check(self, *, absent_is_fine: bool) -> bool:
        """Whether our own child listens; nobody may, where `absent_is_fine`.

        Whoever accepts nothing any more has a full queue and cannot be told from our child that hangs.
        """
        try:
            stream = await unix.connect(places.APP_SOCKET, lend=self._launcher.agent.borrowed)
        except ConnectionLost as exc:
            if absent_is_fine or isinstance(exc.__cause__, BlockingIOError):
                return False
            raise Imitated(f"the app-server's socket is unusable: {exc}", self.pid) from exc
        await stream.close()
        if stream.listener.pid != self.pid or not self.pid:
            self._evict(stream.listener.pid)
        return True

    async def stop(self) -> str:
        """SIGTERM, again, SIGKILL; the reason of its end in words. It drains between the first two."""
        part = self._part
        if part is None:
            return "never started"
        for number, patience in ((signal.SIGTERM, _DRAIN), (signal.SIGTERM, _SECOND_TERM)):
            part.signal(number)
            try:
                async with asyncio.timeout(patience):
                    return (await part.wait()).why
            except TimeoutError:
                continue
        gone = await self.end()
        return f"{'killed' if gone else 'not even gone after SIGKILL'}: it did not end after two SIGTERM"

    async def end(self) -> bool:
        """SIGKILL; whether it is gone. The socket stays: the next start looks who listens there."""
        return self._part is None or await self._part.end(_PATIENCE)

    async def _reach(self) -> unix.UnixStream:
        part = self._running()
        while part.alive:
            try:
                return await unix.connect(places.APP_SOCKET, lend=self._launcher.agent.borrowed)
            except ConnectionLost:
                await asyncio.sleep(_POLL)
        raise PartFailed(f"the app-server ended: {(await part.wait()).why}")

    def _running(self) -> Part:
        if self._part is None:
            raise PartFailed("the app-server was not started")
        return self._part

    def _evict(self, pid: int) -> None:
        """Kill the impostor, take his socket away, and say so."""
        if pid not in (0, _INIT, os.getpid()):
            kill(pid, signal.SIGKILL)
        self._remove_socket()
        raise Imitated("somebody else listened on the app-server's socket", pid)

    def _remove_socket(self) -> None:
        """Codex makes the path a link to a place of its own; both go, as far as the agent may remove them."""
        real = f"/tmp/codex-daemon-{self._launcher.agent.uid}/{_digest(places.APP_SOCKET)}"  # noqa: S108 - codex's choice
        with self._launcher.agent.borrowed():
            for path in (places.APP_SOCKET, real):
                Path(path).unlink(missing_ok=True)


def _digest(path: str) -> str:
    return hashlib.sha256(path.encode()).hexdigest()
