"""The in-memory twins of `core.ports.Engine` and `Images`: containers without an engine.

What would run inside is the maker's: `started` and `stopped` hear of each container, `programs` answers what
is run, `opens` what is held. `pause`, `crash`, `writes` and `next_failure` let the world misbehave.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.core.errors import (
    ConnectionLost,
    ContainerGone,
    EngineRefused,
    EngineUnfit,
    ImageUnavailable,
    OrchestratorError,
)
from orchestrator.core.ports import (
    Container,
    ContainerPlan,
    ContainerState,
    EngineFacts,
    Finished,
    Outlook,
    Progress,
)

PROJECT_LABEL = "orchestrator.project"
_ENDED_WELL = 0
_KILLED = 137
_NO_SUCH_PROGRAM = 127
_UP = (ContainerState.RUNNING, ContainerState.PAUSED)

Lives = Callable[[ContainerPlan], None]


class MemoryStream:
    """A held program in memory: `hears` gets what is written, `say` is what it answers, `end` ends it."""

    def __init__(self, hears: Callable[["MemoryStream", bytes], None] | None = None) -> None:
        self.written = b""
        self.ended = False
        self._hears = hears
        self._said: asyncio.Queue[bytes] = asyncio.Queue()

    def say(self, data: bytes) -> None:
        self._said.put_nowait(data)

    def end(self) -> None:
        self.ended = True
        self._said.put_nowait(b"")

    async def read(self) -> bytes:
        if self.ended and self._said.empty():
            return b""
        return await self._said.get()

    async def write(self, data: bytes) -> None:
        if self.ended:
            raise ConnectionLost("the program ended")
        self.written += data
        if self._hears is not None:
            self._hears(self, data)

    async def close(self) -> None:
        self.end()


@dataclass(slots=True)
class _Box:
    plan: ContainerPlan
    seen: Container
    held: list[MemoryStream] = field(default_factory=list)
    log: bytes = b""


def _nothing(_: ContainerPlan) -> None:
    """Nobody lives in the container."""


def _no_program(_: str, argv: Sequence[str], __: bytes) -> Finished:
    return Finished(status=_NO_SUCH_PROGRAM, stdout=b"", stderr=f"{argv[0]}: not found\n".encode())


def _silent(_: str, __: Sequence[str]) -> MemoryStream:
    return MemoryStream()


def _check_mounts(plan: ContainerPlan) -> None:
    for mount in plan.mounts:
        if not Path(mount.source).exists():
            raise EngineRefused(f"the bind mount's source does not exist: {mount.source}")


class MemoryEngine:
    """An engine whose containers are entries of a dictionary; bind mounts must exist, as on a real one."""

    def __init__(
        self,
        *,
        started: Lives = _nothing,
        stopped: Lives = _nothing,
        programs: Callable[[str, Sequence[str], bytes], Finished] = _no_program,
        opens: Callable[[str, Sequence[str]], MemoryStream] = _silent,
        has_image: Callable[[str], bool] = bool,
    ) -> None:
        self.next_failure: OrchestratorError | None = None
        #: Whether no session can live here, and what is to be known of those that do.
        self.unfit = False
        self.doubts: tuple[str, ...] = ()
        self._started = started
        self._stopped = stopped
        self._programs = programs
        self._opens = opens
        self._has_image = has_image
        self._boxes: dict[str, _Box] = {}

    def pause(self, name: str) -> None:
        self._become(self._box(name), ContainerState.PAUSED)

    def crash(self, name: str, exit_code: int = _KILLED) -> None:
        """Let its first process die, without the engine starting it again."""
        self._end(self._box(name), exit_code)

    def writes(self, name: str, data: bytes) -> None:
        """Let its first process write to its log."""
        self._box(name).log += data

    async def facts(self) -> EngineFacts:
        self._maybe_fail()
        return EngineFacts(version="memory", api_version="0", maps_users=False, cgroup_version="2")

    async def fit(self, folder: str) -> tuple[str, ...]:
        self._maybe_fail()
        if self.unfit:
            raise EngineUnfit(f"the engine does not see the files in {folder}", hint="use another one")
        return self.doubts

    async def containers(self, project_id: str) -> list[Container]:
        self._maybe_fail()
        return [b.seen for b in self._boxes.values() if b.plan.labels.get(PROJECT_LABEL) == project_id]

    async def inspect(self, name: str) -> Container:
        self._maybe_fail()
        return self._box(name).seen

    async def create(self, plan: ContainerPlan) -> str:
        self._maybe_fail()
        if plan.name in self._boxes:
            raise EngineRefused(f"the name {plan.name} is already in use")
        if not self._has_image(plan.image):
            raise ImageUnavailable(f"the engine has no such image: {plan.image}")
        _check_mounts(plan)
        made = Container(
            container_id=secrets.token_hex(32),
            name=plan.name,
            state=ContainerState.CREATED,
            labels=dict(plan.labels),
        )
        self._boxes[plan.name] = _Box(plan, made)
        return made.container_id

    async def start(self, name: str) -> None:
        self._maybe_fail()
        box = self._box(name)
        if box.seen.state is ContainerState.PAUSED:
            raise EngineRefused(f"{name} is paused")
        if box.seen.state is not ContainerState.RUNNING:
            now = datetime.now(UTC).isoformat()
            box.seen = replace(box.seen, state=ContainerState.RUNNING, started_at=now, exit_code=0)
            self._started(box.plan)

    async def stop(self, name: str, grace: int) -> None:  # noqa: ARG002 - nobody here needs patience
        self._maybe_fail()
        self._end(self._box(name), _ENDED_WELL)

    async def unpause(self, name: str) -> None:
        self._maybe_fail()
        box = self._box(name)
        if box.seen.state is not ContainerState.PAUSED:
            raise EngineRefused(f"{name} is not paused")
        self._become(box, ContainerState.RUNNING)

    async def remove(self, name: str) -> None:
        self._maybe_fail()
        with suppress(ContainerGone):
            box = self._box(name)
            self._end(box, _KILLED)
            del self._boxes[box.plan.name]

    async def forget_project(self, project_id: str) -> None:
        self._maybe_fail()
        if any(b.plan.labels.get(PROJECT_LABEL) == project_id for b in self._boxes.values()):
            raise EngineRefused(f"project {project_id} still has containers on its network")

    async def log(self, name: str, lines: int) -> bytes:
        self._maybe_fail()
        return b"".join(self._box(name).log.splitlines(keepends=True)[-lines:])

    async def run(self, name: str, argv: Sequence[str], *, stdin: bytes = b"") -> Finished:
        self._maybe_fail()
        return self._programs(self._running(name).plan.name, argv, stdin)

    async def open(self, name: str, argv: Sequence[str]) -> MemoryStream:
        self._maybe_fail()
        box = self._running(name)
        stream = self._opens(box.plan.name, argv)
        box.held.append(stream)
        return stream

    def _box(self, name: str) -> _Box:
        for box in self._boxes.values():
            if name in (box.seen.name, box.seen.container_id):
                return box
        raise ContainerGone(f"no such container: {name}")

    def _running(self, name: str) -> _Box:
        box = self._box(name)
        if box.seen.state is not ContainerState.RUNNING:
            raise EngineRefused(f"{name} is {box.seen.state.value}: nothing can be run in it")
        return box

    def _become(self, box: _Box, state: ContainerState) -> None:
        box.seen = replace(box.seen, state=state)

    def _end(self, box: _Box, exit_code: int) -> None:
        if box.seen.state not in _UP:
            return
        box.seen = replace(box.seen, state=ContainerState.EXITED, exit_code=exit_code)
        for stream in box.held:
            stream.end()
        box.held.clear()
        self._stopped(box.plan)

    def _maybe_fail(self) -> None:
        failure, self.next_failure = self.next_failure, None
        if failure is not None:
            raise failure


class MemoryImages:
    """Every image exists, but those named in `missing`."""

    def __init__(self, *, missing: Sequence[str] = (), cpus: int = 4, memory: int = 8 * 1024**3) -> None:
        self.missing = set(missing)
        self._cpus = cpus
        self._memory = memory
        self.next_failure: OrchestratorError | None = None

    async def ensure(self, image: str, agent_uid: int, progress: Progress) -> str:
        failure, self.next_failure = self.next_failure, None
        if failure is not None:
            raise failure
        name = image or f"orchestrator-agent:memory-{agent_uid}"
        if name in self.missing:
            raise ImageUnavailable(f"{name} is not here and cannot be pulled")
        progress(f"{name} is here")
        return name

    async def foresee(self, image: str, agent_uid: int) -> Outlook:
        name = image or f"orchestrator-agent:memory-{agent_uid}"
        return Outlook(image=name, here=name not in self.missing, cpus=self._cpus, memory=self._memory)

    async def source(self, image: str, agent_uid: int) -> list[str]:  # noqa: ARG002 - the port's
        raise ImageUnavailable(f"{image} is not here and cannot be pulled")
