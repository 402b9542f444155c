"""Programs that run as the agent: without privileges, in sessions of their own, and ended for sure.

Their output goes through a pipe of ours: asyncio's own would keep a dead program "running" for as long as one
of its orphans holds the other end.
"""

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.core import places
from orchestrator.core.errors import OrchestratorError, TimedOut
from orchestrator.supervisor.privileges import Agent, environment

_KEPT = 16 * 1024
_CHUNK = 64 * 1024
_LONGEST_REASON = 300


class PartFailed(OrchestratorError):
    """A part did not come up, or is gone."""

    code = "part_failed"


class CannotStart(PartFailed):
    """The kernel refused a process: the container's limit is reached, or its memory."""


class Output:
    """The end of what a program writes, read as it comes so that the program never waits for us."""

    def __init__(self) -> None:
        self._read_end, self.write_end = os.pipe()
        self._kept = b""
        self._open = True
        os.set_blocking(self._read_end, False)
        asyncio.get_running_loop().add_reader(self._read_end, self._take)

    def started(self) -> None:
        """The program has its copy of the write end."""
        os.close(self.write_end)

    def finish(self) -> str:
        """Everything kept, and the pipe closed, whoever may still write into it."""
        while self._open and self._take():
            pass
        self._close()
        return self._kept.decode("utf-8", "replace").strip()

    def _take(self) -> bool:
        try:
            data = os.read(self._read_end, _CHUNK)
        except BlockingIOError:
            return False
        self._kept = (self._kept + data)[-_KEPT:]
        if not data:
            self._close()
        return bool(data)

    def _close(self) -> None:
        if self._open:
            self._open = False
            asyncio.get_running_loop().remove_reader(self._read_end)
            os.close(self._read_end)


@dataclass(frozen=True, slots=True)
class Finished:
    """A program's exit status (negative: the signal that ended it) and the end of what it wrote."""

    status: int
    output: str

    @property
    def why(self) -> str:
        how = f"signal {-self.status}" if self.status < 0 else f"status {self.status}"
        said = self.output.rpartition("\n")[2][:_LONGEST_REASON]
        return f"{how}: {said}" if said else how


class Part:
    """A program that is meant to stay."""

    def __init__(self, process: Process, output: Output) -> None:
        self._process = process
        self._output = output
        self._finished: Finished | None = None
        self._started = asyncio.get_running_loop().time()
        self._ended: float | None = None

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    @property
    def lived(self) -> float:
        return (self._ended or asyncio.get_running_loop().time()) - self._started

    async def wait(self) -> Finished:
        """Wait for its end, however long that takes."""
        status = await self._process.wait()
        if self._finished is None:
            self._finished = Finished(status, self._output.finish())
            self._ended = asyncio.get_running_loop().time()
        return self._finished

    def signal(self, number: signal.Signals) -> None:
        if self.alive:
            kill(self.pid, number)

    async def end(self, patience: float) -> bool:
        """SIGKILL, and wait until it is gone; whether it is."""
        self.signal(signal.SIGKILL)
        try:
            async with asyncio.timeout(patience):
                await self.wait()
        except TimeoutError:
            return False
        return True


class Launcher:
    """Starts programs as the agent, in the folder that `Agent.enter` went to."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self._environment = environment(os.environ)

    async def keep(self, *argv: str) -> Part:
        """Start a program that is to stay.

        Raises:
            CannotStart: there is no room for another process, or no such program.
        """
        try:
            output = Output()
        except OSError as exc:
            raise CannotStart(f"{argv[0]} cannot be started: {exc.strerror}") from exc
        try:
            return Part(await self._start(argv, output.write_end), output)
        except OSError as exc:
            raise CannotStart(f"{argv[0]} cannot be started: {exc.strerror}") from exc
        finally:
            output.started()

    async def run(self, *argv: str, patience: float = 5) -> Finished:
        """Run a program to its end.

        Raises:
            CannotStart: as `keep` says.
            TimedOut: it took too long, and was killed with all that it had started in its session.
        """
        part = await self.keep(*argv)
        try:
            async with asyncio.timeout(patience):
                return await part.wait()
        except TimeoutError as exc:
            with contextlib.suppress(ProcessLookupError):  # it ended at this very moment
                os.killpg(part.pid, signal.SIGKILL)
            await part.end(patience)
            raise TimedOut(f"{argv[0]} did not end within {patience:g} s") from exc

    async def _start(self, argv: Sequence[str], output: int) -> Process:
        return await asyncio.create_subprocess_exec(
            *argv,
            stdin=DEVNULL,
            stdout=output,
            stderr=output,
            env=self._environment,
            user=self.agent.uid,
            group=self.agent.gid,
            extra_groups=[],
            start_new_session=True,
        )


def kill(pid: int, number: signal.Signals) -> bool:
    """Signal a process that may be gone; whether it was there."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def tmux(*args: str) -> tuple[str, ...]:
    """A tmux client's command line; `-N` forbids it to start a server of its own."""
    return ("tmux", "-N", "-S", places.TMUX_SOCKET, *args)
