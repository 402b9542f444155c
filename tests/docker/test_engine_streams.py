"""Programs held and run inside a real container: much data, and real ends."""

import asyncio
import os

import pytest

from orchestrator.containers.engine import DockerEngine
from orchestrator.core.errors import ConnectionLost
from orchestrator.core.ports import ContainerPlan
from orchestrator.testing.waiting import until

pytestmark = pytest.mark.docker

MEGABYTE = 1024 * 1024


@pytest.fixture
async def name(engine: DockerEngine, plan: ContainerPlan) -> str:
    """A running container in which nobody lives."""
    await engine.create(plan)
    await engine.start(plan.name)
    return plan.name


async def running(engine: DockerEngine, name: str, program: str) -> bool:
    return (await engine.run(name, ["pgrep", "-x", program])).status == 0


async def test_a_megabyte_goes_both_ways_at_once(engine: DockerEngine, name: str) -> None:
    """Reader and writer do not wait for each other."""
    stream = await engine.open(name, ["cat"])
    sent, got = os.urandom(MEGABYTE), bytearray()
    writing = asyncio.create_task(stream.write(sent))
    while len(got) < MEGABYTE:
        got += await stream.read()
    await writing
    assert bytes(got) == sent
    await stream.close()


async def test_closing_ends_the_program(engine: DockerEngine, name: str) -> None:
    """It is not left behind in the container."""
    stream = await engine.open(name, ["cat"])
    await stream.write(b"x")
    assert await stream.read() == b"x"
    assert await running(engine, name, "cat")
    await stream.close()

    async def gone() -> bool:
        return not await running(engine, name, "cat")

    await until(gone)


async def test_the_end_of_a_held_program_is_seen(engine: DockerEngine, name: str) -> None:
    """With its last words in the error of the next write."""
    stream = await engine.open(name, ["sh", "-c", "read x; echo $x; echo because >&2; exit 1"])
    await stream.write(b"hello\n")
    said = b""
    while piece := await stream.read():
        said += piece
    assert said == b"hello\n"
    with pytest.raises(ConnectionLost, match="because"):
        await stream.write(b"more\n")
    await stream.close()


async def test_a_program_may_leave_its_input_unread(engine: DockerEngine, name: str) -> None:
    """Its status counts, not what we could not give it."""
    done = await engine.run(name, ["sh", "-c", "exit 4"], stdin=os.urandom(MEGABYTE))
    assert done.status == 4


async def test_much_output_is_kept_whole(engine: DockerEngine, name: str) -> None:
    """Both outputs, apart, while input is still given."""
    done = await engine.run(name, ["sh", "-c", "cat; seq 3000 >&2; seq 300000"], stdin=b"first\n" * 10_000)
    assert done.status == 0
    assert done.stdout == b"first\n" * 10_000 + b"".join(b"%d\n" % n for n in range(1, 300_001))
    assert done.stderr.endswith(b"2999\n3000")


async def test_a_program_that_is_not_there_says_so(engine: DockerEngine, name: str) -> None:
    """As a shell would: status 126 or 127."""
    done = await engine.run(name, ["no-such-program"])
    assert done.status in (126, 127)
    assert b"no-such-program" in done.stdout + done.stderr


async def test_many_programs_are_held_at_once(engine: DockerEngine, name: str) -> None:
    """No thread is kept for any of them."""
    streams = [await engine.open(name, ["cat"]) for _ in range(24)]
    for number, stream in enumerate(streams):
        await stream.write(b"%d" % number)
    assert [await stream.read() for stream in streams] == [b"%d" % n for n in range(24)]
    await asyncio.gather(*(stream.close() for stream in streams))
