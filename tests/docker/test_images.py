"""The images on a real engine: built when missing, built once, and what is inside."""

import asyncio
import io
import os
import secrets
import tarfile
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from orchestrator.containers.connection import Connection
from orchestrator.containers.engine import DockerEngine
from orchestrator.containers.images import DockerImages
from orchestrator.core.errors import EngineUnreachable, ImageUnavailable
from orchestrator.core.ports import ContainerPlan

pytestmark = pytest.mark.docker

#: Whom the image of the fixtures was made for.
AGENT_UID = os.getuid() or 1000

#: Walks through every module of the rooms inside, as Python's own start of the supervisor does.
IMPORT_ALL = """
import importlib, pkgutil, sys
sys.path.insert(0, "/opt/orchestrator")
import orchestrator.codex_connection, orchestrator.core, orchestrator.supervisor
for room in (orchestrator.codex_connection, orchestrator.core, orchestrator.supervisor):
    for module in pkgutil.iter_modules(room.__path__, room.__name__ + "."):
        importlib.import_module(module.name)
        print(module.name)
"""


@pytest.fixture
def uid() -> int:
    """A user that no image was built for yet, so that one has to be."""
    return 20_000 + secrets.randbelow(1_000_000)


@pytest.fixture
async def built(images: DockerImages, uid: int) -> AsyncIterator[list[str]]:
    """Names of images to remove at the end."""
    names: list[str] = []
    yield names
    for name in {*names} & {known.name for known in await images.list()}:
        await images.remove(name)


async def test_an_image_is_built_when_it_is_missing_and_then_only_looked_up(
    images: DockerImages, uid: int, built: list[str]
) -> None:
    """Building tells of its progress; looking up has nothing to tell."""
    told: list[str] = []
    built.append(await images.ensure("", uid, told.append))
    assert told[-1] == f"built {built[0]}"
    assert [line for line in told if line.startswith("Step ")]
    again: list[str] = []
    assert await images.ensure("", uid, again.append) == built[0]
    assert again == []


async def test_two_launches_at_once_build_it_once(uid: int, built: list[str]) -> None:
    """The second one waits and says so, even from another process's connection."""
    connections = [Connection(), Connection()]
    told: list[list[str]] = [[], []]
    makers = [DockerImages(connection, base_image="debian:bookworm-slim") for connection in connections]
    built += await asyncio.gather(
        *(maker.ensure("", uid, said.append) for maker, said in zip(makers, told, strict=True))
    )
    assert built[0] == built[1]
    assert sum(f"built {built[0]}" in said for said in told) == 1
    assert any("waiting for another build of the image" in said for said in told)
    for connection in connections:
        await connection.close()


async def test_images_are_listed_and_removed_by_name(images: DockerImages, uid: int) -> None:
    """Only this project's."""
    name = await images.build(uid, print)
    found = {image.name: image for image in await images.list()}[name]
    assert (found.kind, found.size > 0, found.created > 0) == ("agent", True, True)
    await images.remove(name)
    assert name not in {image.name for image in await images.list()}
    with pytest.raises(ImageUnavailable, match="no image of orchestrator's"):
        await images.remove(name)


async def test_somebody_elses_image_is_not_removed(images: DockerImages, sleeper: str, empty: str) -> None:
    """Whatever its name."""
    with pytest.raises(ImageUnavailable):
        await images.remove(empty)


@pytest.fixture
def empty() -> Iterator[str]:
    """An image in which nothing can be run."""
    rootfs = io.BytesIO()
    with tarfile.open(fileobj=rootfs, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("nothing"))
    name = f"orchestrator-test-empty:{secrets.token_hex(4)}"
    repository, tag = name.split(":")
    with closing(docker.from_env(timeout=60)) as client:
        client.api.import_image_from_data(rootfs.getvalue(), repository=repository, tag=tag)
        yield name
        client.images.remove(name)


async def test_an_image_that_cannot_be_built_is_one_clear_line(
    connection: Connection, uid: int, empty: str
) -> None:
    """And the lock is free again."""
    images = DockerImages(connection, base_image=empty)
    for _ in range(2):
        with pytest.raises(ImageUnavailable, match="could not be built") as failed:
            await images.ensure("", uid, print)
        assert "\n" not in failed.value.message
        assert failed.value.hint


async def test_a_named_image_that_nobody_has_is_unavailable(images: DockerImages, uid: int) -> None:
    """It is looked for at its registry, within a limit."""
    with pytest.raises(ImageUnavailable, match="localhost:9/nobody:1 is not here and cannot be pulled"):
        await images.ensure("localhost:9/nobody:1", uid, print)


async def test_a_named_image_that_is_here_is_taken_as_it_is(images: DockerImages, sleeper: str) -> None:
    """Nothing is built or pulled."""
    told: list[str] = []
    assert await images.ensure(sleeper, AGENT_UID, told.append) == sleeper
    assert told == []


async def test_a_named_image_without_our_supervisor_is_refused(images: DockerImages, empty: str) -> None:
    """A container of it would end at once, or never be ready."""
    with pytest.raises(ImageUnavailable, match="has no supervisor in it") as failed:
        await images.ensure(empty, AGENT_UID, print)
    assert "FROM" in failed.value.hint


async def test_a_named_image_for_another_user_is_refused(
    images: DockerImages, uid: int, sleeper: str
) -> None:
    """Its agent could not touch the session's files."""
    with pytest.raises(ImageUnavailable, match=f"user id {AGENT_UID}, this session's files belong to {uid}"):
        await images.ensure(sleeper, uid, print)


async def test_without_an_engine_no_image_is_looked_for(tmp_path: Path, uid: int) -> None:
    """The engine is what is missing, not the image."""
    connection = Connection(f"unix://{tmp_path}/none.sock")
    with pytest.raises(EngineUnreachable):
        await DockerImages(connection, base_image="any").ensure("", uid, print)
    await connection.close()


async def test_the_agent_image_holds_all_that_an_agent_needs(
    engine: DockerEngine, plan: ContainerPlan
) -> None:
    """The whole codex package, its tools, and everything that the supervisor imports."""
    await engine.create(replace(plan, memory=2 * plan.memory, pids=128))
    await engine.start(plan.name)

    async def output(*argv: str) -> str:
        done = await engine.run(plan.name, argv)
        assert done.status == 0, (argv, done)
        return done.stdout.decode().strip()

    programs = ("codex", "codex-code-mode-host", "rg", "bwrap", "git", "tmux", "less", "ps", "python3")
    for program in programs:
        assert await output("sh", "-c", f"command -v {program}")
    assert await output("codex", "--version") == "codex-cli 0.163.0"
    assert await output("git", "config", "--system", "safe.directory") == "/work"
    assert await output("sh", "-c", "echo $LANG") == "C.UTF-8"
    imported = await output("python3", "-I", "-c", IMPORT_ALL)
    assert "orchestrator.supervisor.boot" in imported.splitlines()
    assert await output("ls", "/opt/orchestrator/orchestrator/supervisor/tmux.conf")
