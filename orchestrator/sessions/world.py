"""The ports that the use cases work through, in one value; the daemon's composition root fills it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import PurePath

from orchestrator.core.places import Home
from orchestrator.core.policies import Policies
from orchestrator.core.ports import (
    Clock,
    Codex,
    Container,
    ContainerPlan,
    Engine,
    EventStore,
    Folders,
    Images,
    Recording,
    Registry,
    Terminal,
    Transcript,
    Workspaces,
)
from orchestrator.core.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The settings that the use cases follow. Times are seconds."""

    default_policies: Policies = field(default_factory=Policies)
    base_url: str = ""
    #: The file of codex's own login, used where a session has no endpoint of its own; empty where none is.
    login: str = ""
    #: The file of the key for `base_url`; empty where it needs none.
    model_key: str = ""
    image: str = ""
    #: The engine's address for a person's own docker command; empty means its default.
    engine_host: str = ""
    agent_uid: int = 1000
    queue_limit: int = 200
    rate_per_minute: float = 120.0
    settle_seconds: float = 15.0
    ready_seconds: float = 60.0
    stop_seconds: int = 20
    screen_settles_seconds: float = 1.0
    retry_enter_seconds: float = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Describe:
    """Pure functions of the adapters: the commands behind a use case in words, and a record from labels."""

    create: Callable[[ContainerPlan], list[str]]
    record: Callable[[Container], Session | None]
    paste: Callable[[Session, str], list[str]]
    start_turn: Callable[[Session, str], list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything outside: the engine, the files, the store, the clock, and the ways into a container."""

    home: Home
    rules: Rules
    clock: Clock
    engine: Engine
    images: Images
    registry: Registry
    store: EventStore
    folders: Folders
    workspaces: Workspaces
    terminal: Callable[[Session], Terminal]
    codex: Callable[[Session], Codex]
    recording: Callable[[Session], Recording]
    transcript: Callable[[Session], Transcript]
    #: Wake-ups when something changes in a folder, one at once and one a second whatever happens.
    changes: Callable[[PurePath], AsyncGenerator[None, None]]
    dice: Callable[[int], bytes]
    message_id: Callable[[], str]
    #: The text of codex's own configuration for a session.
    config: Callable[[Session], str]
    plan: Callable[[Session], ContainerPlan]
    describe: Describe


async def within(seconds: float, work: Awaitable[object]) -> bool:
    """Whether the work ended in time."""
    try:
        async with asyncio.timeout(seconds):
            await work
    except TimeoutError:
        return False
    return True
