"""The scripted model as a container, beside the agents' containers of one test's project."""

import asyncio
import json
import os
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import docker
import pytest
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import HttpWaitStrategy

from orchestrator.containers import labels
from orchestrator.containers.connection import Connection
from orchestrator.containers.images import DockerImages
from orchestrator.containers.network import network_name
from orchestrator.core.ports import ContainerPlan

PORT = 8080
ALIAS = "model"
SECONDS = 10.0

# Its helper container would have to be pulled; the fixtures here clean up by themselves.
testcontainers_config.ryuk_disabled = True


@dataclass(frozen=True)
class ModelContainer:
    """The model as its director sees it, from this host; agents know it by `base_url`."""

    host_url: str
    base_url: str = f"http://{ALIAS}:{PORT}/v1"

    def scenario(self, scenario: dict[str, Any]) -> None:
        self._ask("PUT", "/__scenario", json.dumps(scenario).encode())

    def requests(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._ask("GET", "/__requests")["requests"]
        return found

    def release(self, gate: str) -> None:
        self._ask("POST", f"/__release/{gate}", b"")

    def waiting(self) -> list[str]:
        found: list[str] = self._ask("GET", "/healthz")["waiting"]
        return found

    def _ask(self, method: str, path: str, body: bytes | None = None) -> Any:
        request = urllib.request.Request(self.host_url + path, data=body, method=method)  # noqa: S310 - our own
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - our own
            return json.load(answer)


@pytest.fixture
def plan(project_id: str, sleeper: str) -> ContainerPlan:
    """A container of the test's project in which nobody lives."""
    return ContainerPlan(
        name=f"orchestrator-{project_id}-k3v9x2m8qd",
        image=sleeper,
        labels={labels.PROJECT: project_id},
        mounts=(),
        agent_uid=1000,
        memory=256 * 1024**2,
        cpus=1,
        pids=64,
        network=network_name(project_id),
        user_namespaces=False,
    )


@pytest.fixture(scope="session")
def model_image() -> str:
    """The scripted model's image."""
    return os.environ.get("ORCHESTRATOR_TEST_MODEL_IMAGE") or _made()


def _made() -> str:
    async def make() -> str:
        connection = Connection()
        try:
            return await DockerImages(connection, base_image="debian:bookworm-slim").ensure_model(print)
        finally:
            await connection.close()

    return asyncio.run(make())


@pytest.fixture
def model(model_image: str, project_id: str) -> Iterator[ModelContainer]:
    """A scripted model in the network of the test's project, gone before the project is."""
    network = network_name(project_id)
    ready = HttpWaitStrategy(PORT, "/healthz").for_status_code(200)
    container = DockerContainer(model_image).with_exposed_ports(PORT).waiting_for(ready)
    with closing(docker.from_env(timeout=60)) as client, container as running:
        made = client.networks.create(network, driver="bridge", labels={labels.PROJECT: project_id})
        container_id = str(running.get_wrapped_container().id)
        made.connect(container_id, aliases=[ALIAS])
        at = f"http://{running.get_container_host_ip()}:{running.get_exposed_port(PORT)}"
        yield ModelContainer(at)
        made.disconnect(container_id, force=True)
