"""A supervised codex in a real container, with a scripted model on this host."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import docker
import pytest

from orchestrator.testing.model.memory import Memory
from orchestrator.testing.model.server import ModelServer
from tests.docker.supervisor.box import Box


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    """The engine of this host."""
    client = docker.from_env(timeout=60)
    yield client
    client.close()


@pytest.fixture
def model() -> Iterator[ModelServer]:
    """A scripted model that containers reach by the host's name."""
    with ModelServer(Memory(), host="0.0.0.0") as server:  # noqa: S104 - containers come from their own network
        yield server


@pytest.fixture
async def box(
    engine: docker.DockerClient, agent_image: str, model: ModelServer, tmp_path: Path
) -> AsyncIterator[Box]:
    """A box that is not running yet."""
    one = Box(engine, tmp_path / "session", agent_image, model.port)
    yield one
    await one.remove()
