"""The scripted model as a container on a project's network, where agents reach it by the name `model`."""

from contextlib import suppress
from pathlib import Path

import docker
import docker.errors

from orchestrator.containers import network
from orchestrator.containers.connection import SLOW, Connection
from orchestrator.containers.images import DockerImages
from orchestrator.core.errors import EngineRefused
from orchestrator.core.ports import Progress

ALIAS = "model"
BASE_URL = f"http://{ALIAS}:8080/v1"
LABEL = "orchestrator.model"
MEMORY = 256 * 1024**2
PIDS = 128
_SCENARIO = "/scenario.json"


class ModelContainer:
    """At most one a project; starting it again replaces it."""

    def __init__(self, connection: Connection, images: DockerImages, project_id: str) -> None:
        self._connection = connection
        self._images = images
        self._project = project_id
        self._name = f"orchestrator-{project_id}-model"

    async def start(self, scenario: Path | None, progress: Progress) -> str:
        """The address for `model.base_url`; a scenario's file is mounted, and read again when it changes."""
        image = await self._images.ensure_model(progress)
        await self.stop()

        def begin(client: docker.APIClient) -> None:
            with network.held(client, self._project) as name:
                binds = [f"{scenario}:{_SCENARIO}:ro"] if scenario else []
                client.create_container(
                    image,
                    command=["--scenario", _SCENARIO] if scenario else [],
                    name=self._name,
                    labels={LABEL: self._project},
                    host_config=client.create_host_config(
                        binds=binds,
                        cap_drop=["ALL"],
                        security_opt=["no-new-privileges"],
                        read_only=True,
                        mem_limit=MEMORY,
                        pids_limit=PIDS,
                        init=True,
                        restart_policy={"Name": "on-failure"},
                    ),
                    networking_config={
                        "EndpointsConfig": {name: client.create_endpoint_config(aliases=[ALIAS])}
                    },
                )
                client.start(self._name)

        await self._connection.call(begin, limit=SLOW)
        return BASE_URL

    async def stop(self) -> bool:
        """Whether there was one."""

        def end(client: docker.APIClient) -> bool:
            try:
                client.remove_container(self._name, force=True, v=True)
            except docker.errors.NotFound:
                return False
            with suppress(EngineRefused):  # the sessions still need it
                network.forget(client, self._project)
            return True

        return await self._connection.call(end, limit=SLOW)
