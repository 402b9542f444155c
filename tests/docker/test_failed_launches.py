"""A launch that fails on the real engine: its container is gone, and the error itself tells why."""

import io
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import docker
import pytest

from orchestrator.containers.engine import DockerEngine
from orchestrator.core.errors import LaunchFailed, TimedOut
from orchestrator.core.places import Home
from orchestrator.core.policies import Limits, Policies
from orchestrator.daemon.build import build_world
from orchestrator.daemon.daemon import Daemon
from orchestrator.daemon.settings import load_settings
from orchestrator.sessions.launch import Order, launch
from orchestrator.sessions.resume import resume_all
from tests.acceptance.conftest import home, model, team
from tests.acceptance.team import Team

__all__ = ["home", "model", "team"]

pytestmark = [pytest.mark.docker, pytest.mark.agent]

Broken = Callable[[str], str]


@pytest.fixture
def broken(agent_image: str) -> Iterator[Broken]:
    """Makes an agent image with one more line in its Dockerfile; its name."""
    made: list[str] = []

    def make(line: str) -> str:
        made.append(f"orchestrator-test-broken:{secrets.token_hex(4)}")
        recipe = f"FROM {agent_image}\n{line}\n"
        with closing(docker.from_env(timeout=120)) as client:
            client.images.build(fileobj=io.BytesIO(recipe.encode()), tag=made[-1], rm=True)
        return made[-1]

    yield make
    with closing(docker.from_env(timeout=120)) as client:
        for name in made:
            client.images.remove(name, force=True)


def test_a_container_that_ends_is_removed_and_its_log_quoted(team: Team, broken: Broken) -> None:
    """One line with what it wrote last; no hint points to what is gone."""
    image = broken('ENTRYPOINT ["sh", "-c", "echo starting; echo the disk is on fire >&2"]')
    done = team.run("launch", "reviewer", "--image", image)
    assert done.code == 1
    (told,) = [line for line in done.err.splitlines() if line.startswith(("error:", "hint:"))]
    what, _, log = told.partition("; its log ends with: ")
    assert what == "error: the container exited (0)"
    assert sorted(log.split(" | ")) == ["starting", "the disk is on fire"]  # the engine reads two pipes
    assert team.ok("ps", "--all") == []


def test_what_resuming_points_to_is_there(team: Team) -> None:
    """It takes nothing away: the log that it names can be read."""
    view = team.launch("reviewer")
    team.container(view).stop()
    (team.folder(view) / "private/thread.json").write_text("{")
    done = team.run("resume-all", "--json")
    assert done.code == 1
    (told,) = [each for each in done.json if each["session_id"] == view["session_id"]]
    assert told["next"] == f"docker logs {view['container_name']}"
    assert b"thread.json cannot be read" in team.container(view).logs()


class Meddled(DockerEngine):
    """The real engine, whose containers somebody removes before they are started."""

    meddles = False

    async def start(self, name: str) -> None:
        if self.meddles:
            await self.remove(name)
        await super().start(name)


@asynccontextmanager
async def inside(root: Path, **rules: Any) -> AsyncIterator[tuple[Daemon, Meddled]]:
    """The team's daemon in this process, and its engine."""
    world = build_world(Home(PurePosixPath(root)), load_settings(root))
    assert isinstance(world.engine, DockerEngine)
    engine = Meddled(world.engine._connection)
    daemon = Daemon(
        replace(world, engine=engine, rules=replace(world.rules, **rules)), runtime="docker", socket=""
    )
    async with daemon.running():
        await daemon.resumed.wait()
        yield daemon, engine
    await engine.close()


async def test_a_wait_that_was_in_vain_quotes_the_log_of_the_container_that_it_removes(
    team: Team, broken: Broken
) -> None:
    """What it went through meanwhile, not only that time was over."""
    image = broken("RUN rm /opt/codex/bin/codex")
    async with inside(team.root, ready_seconds=2.0) as (daemon, _):
        with pytest.raises(TimedOut) as caught:
            await launch(daemon.fleet, Order(role="reviewer", policies=Policies(), image=image), print)
        assert await daemon.fleet.containers() == {}
    assert caught.value.message.startswith(
        "codex was not ready within 2 s; its log ends with: boot: 1, running | restarted: app-server, codex "
    )
    assert "No such file or directory" in caught.value.message
    assert caught.value.hint == ""


async def test_a_launch_whose_container_somebody_removes_says_so(team: Team) -> None:
    """Nothing is left of it, so nothing points to a session; the next launch is another one."""
    async with inside(team.root) as (daemon, engine):
        engine.meddles = True
        with pytest.raises(LaunchFailed) as caught:
            await launch(daemon.fleet, Order(role="reviewer", policies=Policies()), print)
        assert (
            "its container was removed while it was being launched: No such container" in caught.value.message
        )
        assert caught.value.hint == "launch it again"
        assert daemon.fleet.world.registry.sessions() == []


async def test_resuming_points_to_no_log_where_the_engine_makes_no_container(team: Team) -> None:
    """As on another machine, which has fewer processors than the session was given."""
    async with inside(team.root) as (daemon, engine):
        order = Order(role="reviewer", policies=Policies())
        session = (await launch(daemon.fleet, order, print)).session
        await daemon.fleet.detach(session.session_id, {"why": "its container is removed"})
        await engine.remove(session.container_name)
        large = replace(session.policies, limits=Limits(cpus=100_000))
        daemon.fleet.world.registry.put(replace(session, policies=large))
        (found,) = await resume_all(daemon.fleet, print)
        assert not found.ok
        assert "CPUs" in found.detail
        assert found.next == "there is no container now; `orchestrator resume-all` tries again"
        assert await daemon.fleet.containers() == {}
