"""A daemon without its socket, on in-memory containers; the registry, the store and the folders are real.

`Slow` holds a call of the world back until a test lets it go on, so each race is run in the order that hurts.
"""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from orchestrator.core.places import Home
from orchestrator.core.policies import Policies
from orchestrator.core.ports import ContainerState
from orchestrator.core.receipt import Mode, Receipt, Route
from orchestrator.core.session import Session
from orchestrator.daemon.daemon import Daemon
from orchestrator.daemon.dry import dry_world
from orchestrator.sessions.input import send
from orchestrator.sessions.launch import Order, launch
from orchestrator.sessions.world import Rules
from orchestrator.testing.waiting import until


class Slow:
    """Anything of the world; `hold_back(name)` makes the next call of that name wait for `go_on(name)`."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self._gates: dict[str, asyncio.Event] = {}
        self.reached: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._real, name)
        return self._gated(name, real) if name in self._gates else real

    def _gated(self, name: str, real: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            gate = self._gates[name]
            self.reached.add(name)
            await gate.wait()
            return await real(*args, **kwargs)

        return call

    def hold_back(self, name: str) -> None:
        self._gates[name] = asyncio.Event()

    def go_on(self, name: str) -> None:
        self._gates.pop(name).set()
        self.reached.discard(name)

    async def arrives(self, name: str) -> None:
        await until(lambda: name in self.reached)


class Stage:
    """A daemon without its socket."""

    def __init__(self, home: Path) -> None:
        world = dry_world(Home(PurePosixPath(home)), Rules(ready_seconds=10.0, settle_seconds=5.0))
        self.engine, self.images = Slow(world.engine), Slow(world.images)
        self.world = replace(world, engine=self.engine, images=self.images)
        self.daemon = Daemon(self.world, runtime="dry", socket="")
        self.fleet = self.daemon.fleet

    async def launch(self, role: str = "reviewer") -> Session:
        return (await launch(self.fleet, Order(role=role, policies=Policies()), print)).session

    async def send(self, session: Session, text: str) -> Receipt:
        return await send(
            self.fleet,
            session,
            text,
            mode=Mode.QUEUE,
            wish=Route.AUTO,
            sender="ana",
            tags=(),
            system=False,
        )

    def codex(self, session: Session, *, manual: bool = True) -> Any:
        """Its codex, whose turns end when told to."""
        codex: Any = self.world.codex(session)
        codex._manual = manual
        return codex

    async def state(self, session: Session) -> ContainerState | None:
        seen = (await self.fleet.containers()).get(session.session_id)
        return seen.state if seen else None

    async def story(self, session: Session) -> list[str]:
        page = await self.world.store.latest(session.session_id, 1000)
        return [e.draft.type for e in page.envelopes]

    async def receipt(self, receipt: Receipt) -> Receipt:
        return await self.world.store.receipt(receipt.message_id)

    def git(self, session: Session, *args: str) -> None:
        """As the agent would, in its workspace."""
        argv = ["git", "-c", "safe.directory=*", "-C", session.workspace, *args]
        subprocess.run(argv, check=True, capture_output=True, timeout=30)

    async def nothing_left(self, session: Session) -> None:
        assert self.world.registry.sessions() == []
        assert await self.fleet.containers() == {}
        assert self.world.folders.status(session) == {}
        assert self.fleet.held(session.session_id) is None


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path)
    async with made.daemon.running():
        await made.daemon.resumed.wait()
        yield made


def spoil_status(stage: Stage, session: Session, content: str) -> None:
    Path(stage.world.home.folder(session.role, session.session_id).status_file).write_text(content)
