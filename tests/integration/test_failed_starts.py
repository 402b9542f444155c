"""Sessions that do not come up: a launch takes its container away and tells why; `resume-all` leaves it."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from orchestrator.core.errors import (
    EngineRefused,
    EngineUnreachable,
    LaunchFailed,
    OrchestratorError,
    TimedOut,
)
from orchestrator.core.places import Home
from orchestrator.core.policies import Policies
from orchestrator.core.ports import ContainerPlan, ContainerState
from orchestrator.core.session import Session
from orchestrator.daemon.daemon import Daemon
from orchestrator.daemon.dry import dry_world
from orchestrator.sessions.launch import Order, launch
from orchestrator.sessions.resume import resume_all
from orchestrator.sessions.world import Rules
from orchestrator.testing.engine import MemoryEngine

COMPLAINT = b"Traceback:\nOSError: the disk is on fire\n"
TOLD = "its log ends with: Traceback: | OSError: the disk is on fire"

Lives = Callable[[MemoryEngine, ContainerPlan], None]


def complains(engine: MemoryEngine, planned: ContainerPlan) -> None:
    engine.writes(planned.name, COMPLAINT)


def complains_and_exits(engine: MemoryEngine, planned: ContainerPlan) -> None:
    engine.writes(planned.name, COMPLAINT)
    engine.crash(planned.name, 70)


def exits(engine: MemoryEngine, planned: ContainerPlan) -> None:
    engine.crash(planned.name, 70)


class LogLess(MemoryEngine):
    """As an engine whose log driver keeps nothing."""

    async def log(self, name: str, lines: int) -> bytes:
        raise EngineRefused(f"the last {lines} lines of {name} cannot be read")


class Refusing(MemoryEngine):
    """An engine with an opinion: it makes no container, or loses each one that it made."""

    refuses = False
    loses = False

    async def create(self, plan: ContainerPlan) -> str:
        if self.refuses:
            raise EngineRefused(f"the engine has no room for {plan.name}")
        return await super().create(plan)

    async def start(self, name: str) -> None:
        if self.loses:
            await self.remove(name)
        await super().start(name)


class Stage:
    """A daemon without its socket; `lives` is what happens in each container that starts."""

    def __init__(self, home: Path, engine: MemoryEngine | None = None) -> None:
        world = dry_world(Home(PurePosixPath(home)), Rules(ready_seconds=1.0))
        assert isinstance(world.engine, MemoryEngine)
        self._comes_up = world.engine._started
        self.lives: Lives | None = None
        self.engine = engine or MemoryEngine()
        self.engine._started = self._start
        self.world = replace(world, engine=self.engine)
        self.daemon = Daemon(self.world, runtime="dry", socket="")
        self.fleet = self.daemon.fleet

    async def launch(self) -> Session:
        order = Order(role="reviewer", policies=Policies())
        return (await launch(self.fleet, order, print)).session

    def _start(self, planned: ContainerPlan) -> None:
        if self.lives is None:
            self._comes_up(planned)
        else:
            self.lives(self.engine, planned)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path)
    async with made.daemon.running():
        await made.daemon.resumed.wait()
        yield made


@pytest.mark.parametrize(
    ("lives", "kind", "said"),
    [
        (complains, TimedOut, f"codex was not ready within 1 s; {TOLD}"),
        (complains_and_exits, LaunchFailed, f"the container exited (70); {TOLD}"),
        (exits, LaunchFailed, "the container exited (70)"),
    ],
)
async def test_a_launch_that_failed_quotes_the_log_of_the_container_that_it_removes(
    stage: Stage, lives: Lives, kind: type[OrchestratorError], said: str
) -> None:
    """Nothing that it says points to what is not there any more."""
    stage.lives = lives
    with pytest.raises(kind) as caught:
        await stage.launch()
    assert (caught.value.message, caught.value.hint) == (said, "")
    assert await stage.fleet.containers() == {}
    assert stage.world.registry.sessions() == []


async def test_a_log_that_cannot_be_read_hides_no_failure(tmp_path: Path) -> None:
    """The failure itself is told."""
    stage = Stage(tmp_path, LogLess())
    stage.lives = complains_and_exits
    async with stage.daemon.running():
        with pytest.raises(LaunchFailed) as caught:
            await stage.launch()
    assert caught.value.message == "the container exited (70)"


@pytest.mark.parametrize("lives", [complains, complains_and_exits])
async def test_resuming_names_the_log_of_the_container_that_it_leaves(stage: Stage, lives: Lives) -> None:
    """It quotes its end, too; the container is there to be looked at."""
    session = await stage.launch()
    stage.engine.crash(session.container_name)
    await stage.fleet.detach(session.session_id, {"why": "it ended"})
    stage.lives = lives
    (found,) = await resume_all(stage.fleet, print)
    assert (found.action, found.next) == ("failed", f"docker logs {session.container_name}")
    assert found.detail.endswith(TOLD)
    (left,) = (await stage.fleet.containers()).values()
    assert (left.name, left.state is ContainerState.EXITED) == (
        session.container_name,
        lives is not complains,
    )


async def test_resuming_points_to_no_log_where_there_is_no_container(tmp_path: Path) -> None:
    """It says so, and what tries again does."""
    engine = Refusing()
    stage = Stage(tmp_path, engine)
    async with stage.daemon.running():
        session = await stage.launch()
        await engine.remove(session.container_name)
        engine.refuses = True
        (found,) = await resume_all(stage.fleet, print)
        assert (found.action, found.detail) == (
            "failed",
            f"the engine has no room for {session.container_name}",
        )
        assert found.next == "there is no container now; `orchestrator resume-all` tries again"
        engine.refuses = False
        (found,) = await resume_all(stage.fleet, print)
        assert found.ok


async def test_resuming_says_what_is_to_be_done_about_an_engine_that_is_away(stage: Stage) -> None:
    """Nobody can tell then whether there is a container."""
    session = await stage.launch()
    stage.engine.crash(session.container_name)
    await stage.fleet.detach(session.session_id, {"why": "it ended"})

    def goes_away(engine: MemoryEngine, _: ContainerPlan) -> None:
        engine.next_failure = EngineUnreachable("the engine is away", hint="start it")
        raise LaunchFailed("it did not come up")

    stage.lives = goes_away
    (found,) = await resume_all(stage.fleet, print)
    assert (found.detail, found.next) == ("it did not come up", "start it")


async def test_a_launch_whose_container_somebody_removes_says_so(tmp_path: Path) -> None:
    """There is nothing left of it that could be resumed, and nothing points there."""
    engine = Refusing()
    stage = Stage(tmp_path, engine)
    async with stage.daemon.running():
        engine.loses = True
        with pytest.raises(LaunchFailed) as caught:
            await stage.launch()
        assert caught.value.message.startswith(
            "its container was removed while it was being launched: no such"
        )
        assert caught.value.hint == "launch it again"
        assert stage.world.registry.sessions() == []
        engine.loses = False
        assert (await stage.launch()).live
