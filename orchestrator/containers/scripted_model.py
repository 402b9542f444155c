"""The scripted model as a container on a project's network, where agents reach it by the name `model`."""

import shlex
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
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
RESTART = "unless-stopped"
_SECURITY = "no-new-privileges"
_SCENARIO = "/scenario.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPlan:
    """One project's model: of this image, playing this file of the host, or the demonstration."""

    project_id: str
    image: str
    scenario: Path | None

    @property
    def name(self) -> str:
        return _name(self.project_id)

    @property
    def labels(self) -> Mapping[str, str]:
        return {LABEL: self.project_id}

    @property
    def binds(self) -> list[str]:
        return [f"{self.scenario}:{_SCENARIO}:ro"] if self.scenario else []

    @property
    def arguments(self) -> list[str]:
        return ["--scenario", _SCENARIO] if self.scenario else []

    def command_line(self) -> str:
        """The `docker create` that makes the same container."""
        argv = ["docker", "create", "--name", self.name, "--init", "--read-only", "--cap-drop", "ALL"]
        argv += ["--security-opt", _SECURITY, "--memory", str(MEMORY), "--pids-limit", str(PIDS)]
        argv += ["--network", network.network_name(self.project_id), "--network-alias", ALIAS]
        argv += ["--restart", RESTART, *(f"--volume={bind}" for bind in self.binds)]
        argv += [f"--label={name}={value}" for name, value in self.labels.items()]
        return shlex.join([*argv, self.image, *self.arguments])


class ModelContainer:
    """At most one a project; starting it again replaces it."""

    def __init__(self, connection: Connection, images: DockerImages, project_id: str) -> None:
        self._connection = connection
        self._images = images
        self._project = project_id

    async def start(self, scenario: Path | None, progress: Progress) -> str:
        """The address for `model.base_url`; a scenario's file is mounted, and read again when it changes."""
        image = await self._images.ensure_model(progress)
        progress("starting the model's container")
        await self.stop()
        plan = ModelPlan(project_id=self._project, image=image, scenario=scenario)
        await self._connection.call(lambda client: _begin(client, plan), limit=SLOW)
        return BASE_URL

    async def plan_start(self, scenario: Path | None) -> list[str]:
        """What `start` asks of the engine, one line a call, ready for a shell."""
        image, building = await self._images.foresee_model()
        plan = ModelPlan(project_id=self._project, image=image, scenario=scenario)
        former = [_removal(self._project)] if await self._runs() else []
        create = [network.command_line(self._project), plan.command_line()]
        return [*building, *former, *create, shlex.join(["docker", "start", plan.name])]

    async def stop(self) -> bool:
        """Whether there was one."""

        def end(client: docker.APIClient) -> bool:
            try:
                client.remove_container(_name(self._project), force=True, v=True)
            except docker.errors.NotFound:
                return False
            with suppress(EngineRefused):  # the sessions still need it
                network.forget(client, self._project)
            return True

        return await self._connection.call(end, limit=SLOW)

    async def plan_stop(self) -> list[str]:
        """What `stop` asks of the engine; nothing where there is no model."""
        return [_removal(self._project)] if await self._runs() else []

    async def _runs(self) -> bool:
        """Whether its container is there, in whatever state."""
        mine = {"label": f"{LABEL}={self._project}"}
        return bool(await self._connection.call(lambda c: c.containers(all=True, filters=mine)))


def _begin(client: docker.APIClient, plan: ModelPlan) -> None:
    with network.held(client, plan.project_id) as joined:
        client.create_container(
            plan.image,
            command=plan.arguments,
            name=plan.name,
            labels=dict(plan.labels),
            host_config=client.create_host_config(
                binds=plan.binds,
                cap_drop=["ALL"],
                security_opt=[_SECURITY],
                read_only=True,
                mem_limit=MEMORY,
                pids_limit=PIDS,
                init=True,
                network_mode=joined,
                restart_policy={"Name": RESTART},
            ),
            networking_config={"EndpointsConfig": {joined: client.create_endpoint_config(aliases=[ALIAS])}},
        )
        client.start(plan.name)


def _name(project_id: str) -> str:
    return f"orchestrator-{project_id}-model"


def _removal(project_id: str) -> str:
    return shlex.join(["docker", "rm", "--force", "--volumes", _name(project_id)])
