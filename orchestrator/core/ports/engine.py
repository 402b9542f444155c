"""The container engine and the images: what a container is, and what can be done with one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from orchestrator.core.ports.world import Progress


class ByteStream(Protocol):
    """The two ends of a program that was started inside a container and is held open."""

    async def read(self) -> bytes:
        """The next bytes of its stdout; empty at its end."""

    async def write(self, data: bytes) -> None: ...
    async def close(self) -> None: ...


class ContainerState(StrEnum):
    """The engine's word for a container, as `inspect` gives it."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One container of this project, as the engine sees it. Times are RFC 3339."""

    container_id: str
    name: str
    state: ContainerState
    started_at: str = ""
    exit_code: int = 0
    restarts: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What a program inside a container left behind."""

    status: int
    stdout: bytes
    stderr: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts:
    """The engine's version and what it can do for us.

    `maps_users` holds where a uid in an agent's container may be another one on the host: with a rootless
    engine, or a desktop's, which shares folders with a virtual machine. `userns-remap` is not for agents.
    """

    version: str
    api_version: str
    maps_users: bool
    cgroup_version: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A bind mount; `source` is a path on the engine's host."""

    source: str
    target: str
    read_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerPlan:
    """Everything that a container is created from; a pure function of a session makes it."""

    name: str
    image: str
    labels: Mapping[str, str]
    mounts: tuple[Mount, ...]
    agent_uid: int
    memory: int
    cpus: float
    pids: int
    network: str
    #: Codex's own sandbox needs user namespaces; the engine's default profile forbids them.
    user_namespaces: bool


class Engine(Protocol):
    """The container engine. Containers are named by name or id; a missing one raises `ContainerGone`."""

    async def facts(self) -> EngineFacts: ...
    async def fit(self, folder: str) -> tuple[str, ...]:
        """Warnings about sessions here whose folders are in `folder`; the engine is asked once.

        `EngineUnfit` where none can live here: nothing of it was made.
        """

    async def containers(self, project_id: str) -> list[Container]: ...
    async def inspect(self, name: str) -> Container: ...
    async def create(self, plan: ContainerPlan) -> str:
        """The new container's id. Makes the plan's network first where it is missing."""

    async def start(self, name: str) -> None: ...
    async def stop(self, name: str, grace: int) -> None: ...
    async def unpause(self, name: str) -> None: ...
    async def remove(self, name: str) -> None:
        """Remove it, running or not; a container that is gone already is no error."""

    async def forget_project(self, project_id: str) -> None:
        """Remove the project's network; `EngineRefused` while something is still attached to it."""

    async def log(self, name: str, lines: int) -> bytes:
        """The last lines that the container itself wrote, on both outputs; it may have ended."""

    async def run(self, name: str, argv: Sequence[str], *, stdin: bytes = b"") -> Finished:
        """Run a program as the agent, to its end."""

    async def open(self, name: str, argv: Sequence[str]) -> ByteStream:
        """Start a program as the agent and hold it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What a launch would find: its image, whether that is here, and what the engine's machine has.

    `memory` is in bytes, 0 where the engine does not say.
    """

    image: str
    here: bool
    cpus: int
    memory: int


class Images(Protocol):
    """The agent image."""

    async def ensure(self, image: str, agent_uid: int, progress: Progress) -> str:
        """An image that exists now; an empty `image` means this version's own, built if missing."""

    async def foresee(self, image: str, agent_uid: int) -> Outlook:
        """What `ensure` would begin with; nothing is built or fetched."""

    async def source(self, image: str, agent_uid: int) -> list[str]:
        """What `ensure` would do about an image that is not here, as command lines; its errors likewise."""
