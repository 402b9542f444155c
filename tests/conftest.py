"""What all tests share: a project of its own for each, the real engine, and no silent skips.

With `ORCHESTRATOR_TESTS_STRICT=1` a skip is a failure. Tests marked `docker` find the agent image's name in
`ORCHESTRATOR_TEST_IMAGE`; it is built first where the variable is not set.
"""

import asyncio
import functools
import io
import os
import secrets
import signal
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import closing
from typing import Any, TypeVar

import docker
import pytest
from docker.errors import DockerException, NotFound

from orchestrator.containers import address, labels
from orchestrator.containers.connection import Connection, knock
from orchestrator.containers.engine import DockerEngine
from orchestrator.containers.images import DockerImages

R = TypeVar("R", pytest.TestReport, pytest.CollectReport)

STRICT = os.environ.get("ORCHESTRATOR_TESTS_STRICT") == "1"
IMAGE_VARIABLE = "ORCHESTRATOR_TEST_IMAGE"
BASE_IMAGE = "debian:bookworm-slim"
#: Containers of tests run as this user; the folders that they share with the host belong to it.
AGENT_UID = os.getuid() or 1000

# A shell's background job ignores Ctrl-C, and so would every program that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@functools.cache
def engine_trouble() -> str:
    """Why the engine cannot be used; empty where it can."""
    try:
        knock(address.find(os.environ).url)
        with closing(docker.from_env(timeout=10)) as client:
            client.ping()
    except (OSError, DockerException) as exc:
        return f"no container engine answers: {exc}"
    return ""


def make_image() -> str:
    async def make() -> str:
        connection = Connection()
        try:
            return await DockerImages(connection, base_image=BASE_IMAGE).ensure("", AGENT_UID, print)
        finally:
            await connection.close()

    return asyncio.run(make())


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("docker") is None:
        return
    if trouble := engine_trouble():
        pytest.skip(trouble)
    if not os.environ.get(IMAGE_VARIABLE):
        os.environ[IMAGE_VARIABLE] = make_image()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    return _strict(report) if not hasattr(report, "wasxfail") else report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return _strict((yield))


def _strict(report: R) -> R:
    if STRICT and report.outcome == "skipped":
        report.outcome = "failed"
        report.longrepr = f"skipped, though this machine should run everything: {report.longreprtext}"
    return report


@pytest.fixture
def project_id() -> Iterator[str]:
    """A project that nobody else has; what is left of it on the engine is removed at the end."""
    mine = secrets.token_hex(4)
    yield mine
    if not engine_trouble():
        sweep(mine)


def sweep(project: str) -> None:
    """Remove a project's containers and networks."""
    mine: dict[str, Any] = {"label": f"{labels.PROJECT}={project}"}
    with closing(docker.from_env(timeout=60)) as client:
        for container in client.containers.list(all=True, filters=mine, ignore_removed=True):
            container.remove(force=True, v=True)
        for network in client.networks.list(filters=mine):
            network.remove()


@pytest.fixture
async def connection() -> AsyncIterator[Connection]:
    one = Connection()
    yield one
    await one.close()


@pytest.fixture
async def engine(connection: Connection) -> DockerEngine:
    return DockerEngine(connection)


@pytest.fixture
def images(connection: Connection) -> DockerImages:
    return DockerImages(connection, base_image=BASE_IMAGE)


@pytest.fixture(scope="session")
def agent_image() -> str:
    """The agent image of this tree."""
    return os.environ[IMAGE_VARIABLE]


@pytest.fixture(scope="session")
def sleeper(agent_image: str) -> Iterator[str]:
    """The agent image, but nobody is in: the container sleeps until it is told to end."""
    name = f"orchestrator-test-sleeper:{secrets.token_hex(4)}"
    recipe = f'FROM {agent_image}\nENTRYPOINT ["sleep", "infinity"]\n'
    with closing(docker.from_env(timeout=120)) as client:
        client.images.build(fileobj=io.BytesIO(recipe.encode()), tag=name, rm=True)
        yield name
        try:
            client.images.remove(name)
        except NotFound:
            return
