"""One suite for the engine port: on the in-memory twin and on the real engine."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import docker
import pytest

from orchestrator.containers import labels
from orchestrator.containers.engine import DockerEngine
from orchestrator.containers.network import network_name
from orchestrator.core.errors import ConnectionLost, ContainerGone, EngineRefused, ImageUnavailable
from orchestrator.core.ports import ContainerPlan, ContainerState, Engine, Finished, Mount
from orchestrator.testing.engine import MemoryEngine, MemoryStream
from orchestrator.testing.waiting import until

MISSING_IMAGE = "orchestrator-test-nobody-has-this:1"
COMPLAIN = ["sh", "-c", "echo out; echo err >&2; exit 3"]
GRACE = 5


@dataclass(frozen=True, kw_only=True)
class World:
    """An engine, a plan that it can take, and what a test does behind its back."""

    engine: Engine
    plan: ContainerPlan
    pause: Callable[[str], None]
    #: Lets the container's first process write a line on its stderr.
    says: Callable[[str, str], None]

    async def up(self) -> str:
        """A running container's name."""
        await self.engine.create(self.plan)
        await self.engine.start(self.plan.name)
        return self.plan.name

    async def state(self) -> ContainerState:
        return (await self.engine.inspect(self.plan.name)).state


def make_plan(project_id: str, image: str) -> ContainerPlan:
    return ContainerPlan(
        name=f"orchestrator-{project_id}-k3v9x2m8qd",
        image=image,
        labels={labels.PROJECT: project_id, labels.ROLE: "tester", "odd": 'quotes " and = and ü'},
        mounts=(),
        agent_uid=1000,
        memory=256 * 1024**2,
        cpus=0.5,
        pids=64,
        network=network_name(project_id),
        user_namespaces=False,
    )


def programs(_: str, argv: Sequence[str], stdin: bytes) -> Finished:
    """What the twin's containers can run."""
    if list(argv) == COMPLAIN:
        return Finished(status=3, stdout=b"out\n", stderr=b"err\n")
    return Finished(status=0, stdout=b"agent\n" if argv[0] == "id" else stdin, stderr=b"")


def echo(_: str, __: Sequence[str]) -> MemoryStream:
    return MemoryStream(lambda stream, data: stream.say(data))


@pytest.fixture
def memory_world(project_id: str) -> World:
    engine = MemoryEngine(programs=programs, opens=echo, has_image=lambda name: name != MISSING_IMAGE)

    def says(name: str, line: str) -> None:
        engine.writes(name, f"{line}\n".encode())

    return World(engine=engine, plan=make_plan(project_id, "any"), pause=engine.pause, says=says)


@pytest.fixture
def docker_world(project_id: str, engine: DockerEngine, sleeper: str) -> World:
    def pause(name: str) -> None:
        docker.from_env().containers.get(name).pause()

    def says(name: str, line: str) -> None:
        write = ["sh", "-c", 'echo "$1" > /proc/1/fd/2', "sh", line]
        assert docker.from_env().containers.get(name).exec_run(write, user="root").exit_code == 0

    return World(engine=engine, plan=make_plan(project_id, sleeper), pause=pause, says=says)


@pytest.fixture(params=["memory", pytest.param("docker", marks=pytest.mark.docker)])
def world(request: pytest.FixtureRequest) -> World:
    found: World = request.getfixturevalue(f"{request.param}_world")
    return found


async def test_an_engine_tells_what_it_is(world: World) -> None:
    """The version is never empty."""
    assert (await world.engine.facts()).version


async def test_an_engine_that_sees_our_files_is_fit(world: World, tmp_path: Path) -> None:
    """Twice as well as once; finding out leaves neither a file nor a container."""
    assert await world.engine.fit(str(tmp_path)) == ()
    assert await world.engine.fit(str(tmp_path)) == ()
    assert await asyncio.to_thread(os.listdir, tmp_path) == []
    assert await world.engine.containers(world.plan.labels[labels.PROJECT]) == []


async def test_a_container_is_created_then_runs(world: World) -> None:
    """It is found by id and by name, with its labels as given, and has not begun before its start."""
    made = await world.engine.create(world.plan)
    created = await world.engine.inspect(made)
    assert (created.state, created.started_at, created.name) == (
        ContainerState.CREATED,
        "",
        world.plan.name,
    )
    await world.engine.start(made)
    running = await world.engine.inspect(world.plan.name)
    assert (running.state, running.container_id) == (ContainerState.RUNNING, made)
    assert running.started_at
    assert {key: running.labels[key] for key in world.plan.labels} == dict(world.plan.labels)


async def test_starting_a_running_container_changes_nothing(world: World) -> None:
    """It is the same life."""
    name = await world.up()
    before = await world.engine.inspect(name)
    await world.engine.start(name)
    assert (await world.engine.inspect(name)).started_at == before.started_at


async def test_a_project_sees_its_own_containers_only(world: World) -> None:
    """Running or not; nobody else's."""
    await world.engine.create(world.plan)
    project = world.plan.labels[labels.PROJECT]
    assert [c.name for c in await world.engine.containers(project)] == [world.plan.name]
    assert await world.engine.containers("00000000") == []


async def test_a_name_is_taken_once(world: World) -> None:
    """The second container is refused and the first one stays."""
    made = await world.engine.create(world.plan)
    with pytest.raises(EngineRefused, match="already in use"):
        await world.engine.create(world.plan)
    assert (await world.engine.inspect(world.plan.name)).container_id == made


async def test_an_image_that_is_missing_is_named(world: World) -> None:
    """No pull is tried."""
    with pytest.raises(ImageUnavailable, match=MISSING_IMAGE):
        await world.engine.create(replace(world.plan, image=MISSING_IMAGE))


async def test_a_mount_of_nothing_is_refused(world: World, tmp_path: Path) -> None:
    """A missing folder is not made by the engine, and no container is left."""
    lost = tmp_path / "lost"
    mounts = (Mount(source=str(lost), target="/work"),)
    with pytest.raises(EngineRefused, match="does not exist"):
        await world.engine.create(replace(world.plan, mounts=mounts))
    assert not lost.exists()
    with pytest.raises(ContainerGone):
        await world.engine.inspect(world.plan.name)


CALLS: dict[str, Callable[[Engine, str], Awaitable[object]]] = {
    "inspect": lambda e, n: e.inspect(n),
    "start": lambda e, n: e.start(n),
    "stop": lambda e, n: e.stop(n, GRACE),
    "unpause": lambda e, n: e.unpause(n),
    "log": lambda e, n: e.log(n, 1),
    "run": lambda e, n: e.run(n, ["true"]),
    "open": lambda e, n: e.open(n, ["cat"]),
}


@pytest.mark.parametrize("call", CALLS)
async def test_a_container_that_is_gone_is_said_to_be_gone(world: World, call: str) -> None:
    """By every call in the same way."""
    with pytest.raises(ContainerGone):
        await CALLS[call](world.engine, "orchestrator-00000000-nobody0000")


async def test_removing_takes_a_running_container_and_forgives_a_missing_one(world: World) -> None:
    """Twice is as good as once."""
    name = await world.up()
    await world.engine.remove(name)
    await world.engine.remove(name)
    with pytest.raises(ContainerGone):
        await world.engine.inspect(name)


async def test_a_stopped_container_can_be_started_again(world: World) -> None:
    """It is another life of the same container; stopping twice is no error."""
    name = await world.up()
    first = await world.engine.inspect(name)
    await world.engine.stop(name, GRACE)
    await world.engine.stop(name, GRACE)
    assert await world.state() is ContainerState.EXITED
    await world.engine.start(name)
    second = await world.engine.inspect(name)
    assert second.state is ContainerState.RUNNING
    assert second.container_id == first.container_id
    assert second.started_at != first.started_at


async def test_a_paused_container_refuses_until_it_is_woken(world: World) -> None:
    """Nothing hangs on it: programs and a start are refused at once."""
    name = await world.up()
    world.pause(name)
    assert await world.state() is ContainerState.PAUSED
    for call in ("start", "run", "open"):
        with pytest.raises(EngineRefused):
            await CALLS[call](world.engine, name)
    await world.engine.unpause(name)
    assert await world.state() is ContainerState.RUNNING
    with pytest.raises(EngineRefused):
        await world.engine.unpause(name)


async def test_a_paused_container_can_be_stopped(world: World) -> None:
    """It does not have to be woken by the caller."""
    name = await world.up()
    world.pause(name)
    await world.engine.stop(name, GRACE)
    assert await world.state() is ContainerState.EXITED


async def test_the_end_of_what_a_container_wrote_is_read(world: World) -> None:
    """As many lines as are asked for, while it runs and after its end; none before it has written any."""
    name = await world.up()
    assert await world.engine.log(name, 2) == b""
    for line in ("one", "two", "three"):
        await asyncio.to_thread(world.says, name, line)
    await until(lambda: _has_logged(world, b"three\n"))
    assert await world.engine.log(name, 2) == b"two\nthree\n"
    await world.engine.stop(name, GRACE)
    assert await world.engine.log(name, 1) == b"three\n"


async def _has_logged(world: World, line: bytes) -> bool:
    return (await world.engine.log(world.plan.name, 10)).endswith(line)


async def test_a_program_is_run_to_its_end(world: World) -> None:
    """Status and both outputs, kept apart."""
    done = await world.engine.run(await world.up(), COMPLAIN)
    assert (done.status, done.stdout.strip(), done.stderr.strip()) == (3, b"out", b"err")


async def test_programs_run_as_the_agent(world: World) -> None:
    """Never as root."""
    assert (await world.engine.run(await world.up(), ["id", "-un"])).stdout == b"agent\n"


async def test_a_program_gets_its_input_to_the_end(world: World) -> None:
    """Every byte, then the end of the input."""
    data = bytes(range(256)) * 64
    assert (await world.engine.run(await world.up(), ["cat"], stdin=data)).stdout == data


async def test_nothing_is_run_in_a_container_that_does_not_run(world: World) -> None:
    """It is refused; the container stays as it is."""
    await world.engine.create(world.plan)
    with pytest.raises(EngineRefused):
        await world.engine.run(world.plan.name, ["true"])
    assert await world.state() is ContainerState.CREATED


async def test_a_held_program_is_written_and_read(world: World) -> None:
    """As long as it is held; after `close` there is nothing to read and no way to write."""
    stream = await world.engine.open(await world.up(), ["cat"])
    for word in (b"one\n", b"two\n"):
        await stream.write(word)
        assert await stream.read() == word
    await stream.close()
    await stream.close()
    assert await stream.read() == b""
    with pytest.raises(ConnectionLost):
        await stream.write(b"three\n")


async def test_a_held_program_ends_with_its_container(world: World) -> None:
    """Whoever reads sees the end."""
    name = await world.up()
    stream = await world.engine.open(name, ["cat"])
    await stream.write(b"running\n")
    assert await stream.read() == b"running\n"
    await world.engine.stop(name, GRACE)
    assert await stream.read() == b""
    await stream.close()


async def test_a_projects_network_goes_after_its_last_container(world: World) -> None:
    """Not before; and once is enough."""
    name = await world.up()
    project = world.plan.labels[labels.PROJECT]
    with pytest.raises(EngineRefused):
        await world.engine.forget_project(project)
    await world.engine.remove(name)
    await world.engine.forget_project(project)
    await world.engine.forget_project(project)


async def test_containers_of_a_project_share_its_network(world: World) -> None:
    """The second one finds it there."""
    await world.up()
    other = replace(world.plan, name=f"{world.plan.name[:-3]}abc")
    await world.engine.create(other)
    await world.engine.start(other.name)
    await until(lambda: _both_run(world, other.name))


async def _both_run(world: World, other: str) -> bool:
    states = {await world.state(), (await world.engine.inspect(other)).state}
    return states == {ContainerState.RUNNING}
