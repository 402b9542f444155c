"""The container engine through docker-py: `core.ports.Engine`, each call bounded and its errors translated.

It knows containers, networks and programs inside them; it decides nothing about sessions.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import docker
import docker.errors

from orchestrator.containers import fitness, labels, network, resources
from orchestrator.containers.connection import SLOW, Connection, settled
from orchestrator.containers.hardening import SUPERVISOR_USER, host_config
from orchestrator.containers.stream import HeldProgram, Taken, take
from orchestrator.core import places
from orchestrator.core.errors import ConnectionLost, ContainerGone, EngineRefused, OrchestratorError, TimedOut
from orchestrator.core.ports import Container, ContainerPlan, ContainerState, EngineFacts, Finished

#: Seconds that a program run to its end may take, and that its exit status may lag behind its output.
RUN_LIMIT = 60.0
STATUS_LIMIT = 5.0
_NEVER = "0001-01-01"


class DockerEngine:
    """One engine. Cheap to make: the connection opens with the first call."""

    def __init__(self, connection: Connection | None = None) -> None:
        self._connection = connection or Connection()
        self._fit: dict[str, tuple[str, ...]] = {}

    async def facts(self) -> EngineFacts:
        version, info = await self._connection.call(lambda c: (c.version(), c.info()))
        return EngineFacts(
            version=version["Version"],
            api_version=version["ApiVersion"],
            maps_users=maps_users(info),
            cgroup_version=info.get("CgroupVersion", "1"),
            warnings=tuple(info.get("Warnings") or ()),
        )

    async def fit(self, folder: str) -> tuple[str, ...]:
        if folder not in self._fit:
            where = str(self._connection.address)
            self._fit[folder] = await self._connection.call(lambda c: fitness.check(c, folder, where))
        return self._fit[folder]

    async def containers(self, project_id: str) -> list[Container]:
        wanted = {"label": f"{labels.PROJECT}={project_id}"}
        ids = await self._connection.call(lambda c: [x["Id"] for x in c.containers(all=True, filters=wanted)])
        found = []
        for one in ids:
            with suppress(ContainerGone):
                found.append(await self.inspect(one))
        return found

    async def inspect(self, name: str) -> Container:
        return _container(await self._connection.call(lambda c: c.inspect_container(name)))

    async def create(self, plan: ContainerPlan) -> str:
        """A caller that is cancelled, or an engine that answers too late, leaves no container behind."""
        seccomp = resources.seccomp_profile() if plan.user_namespaces else ""

        def make(client: docker.APIClient) -> str:
            with network.held(client, plan.labels[labels.PROJECT]):
                made = client.create_container(
                    plan.image,
                    name=plan.name,
                    user=SUPERVISOR_USER,
                    host_config=host_config(plan, seccomp, client.api_version),
                    labels=dict(plan.labels),
                )
            return str(made["Id"])

        try:
            return await settled(self._connection.call(make, limit=SLOW), self.remove)
        except TimedOut:
            with suppress(OrchestratorError):
                await self.remove(plan.name)
            raise

    async def start(self, name: str) -> None:
        """A container that has never run and cannot start is removed: it would only hold the name."""

        def begin(client: docker.APIClient) -> None:
            try:
                client.start(name)
            except docker.errors.NotFound as exc:
                if not network.is_lost(exc):
                    raise
                network.rejoin(client, name)
                client.start(name)

        try:
            await self._connection.call(begin, limit=SLOW)
        except EngineRefused:
            with suppress(OrchestratorError):
                if (await self.inspect(name)).state is ContainerState.CREATED:
                    await self.remove(name)
            raise

    async def stop(self, name: str, grace: int) -> None:
        """Ask it to end, and kill it after `grace` seconds. The engine wakes a paused one to hear it."""
        await self._connection.call(lambda c: c.stop(name, timeout=grace), limit=SLOW + grace)

    async def unpause(self, name: str) -> None:
        await self._connection.call(lambda c: c.unpause(name))

    async def remove(self, name: str) -> None:
        def drop(client: docker.APIClient) -> None:
            try:
                client.remove_container(name, force=True, v=True)
            except docker.errors.NotFound:
                return
            except docker.errors.APIError as exc:
                if "is already in progress" not in str(exc.explanation):
                    raise
                client.wait(name, condition="removed")

        with suppress(ContainerGone):
            await self._connection.call(drop, limit=SLOW)

    async def log(self, name: str, lines: int) -> bytes:
        said = await self._connection.call(lambda c: c.logs(name, stdout=True, stderr=True, tail=lines))
        return bytes(said)

    async def run(self, name: str, argv: Sequence[str], *, stdin: bytes = b"") -> Finished:
        exec_id, program = await self._start(name, argv, with_stdin=bool(stdin))
        try:
            async with asyncio.timeout(RUN_LIMIT):
                stdout = await _talk(program, stdin)
            status = await self._status(exec_id)
        except TimeoutError as exc:
            raise TimedOut(f"`{argv[0]}` did not end inside the container in time") from exc
        finally:
            await program.close()
        return Finished(status=status, stdout=stdout, stderr=program.stderr.encode())

    async def open(self, name: str, argv: Sequence[str]) -> HeldProgram:
        return (await self._start(name, argv, with_stdin=True))[1]

    async def forget_project(self, project_id: str) -> None:
        """Remove the project's network once no container is left; engines have room for some thirty."""
        await self._connection.call(lambda c: network.forget(c, project_id))

    async def close(self) -> None:
        await self._connection.close()

    async def _start(self, name: str, argv: Sequence[str], *, with_stdin: bool) -> tuple[str, HeldProgram]:
        def begin(client: docker.APIClient) -> tuple[str, Taken]:
            made = client.exec_create(name, list(argv), stdin=with_stdin, user=places.AGENT_USER)
            return made["Id"], take(client.exec_start(made["Id"], socket=True))

        async def hang_up(begun: tuple[str, Taken]) -> None:
            begun[1].sock.close()

        exec_id, taken = await settled(self._connection.call(begin), hang_up)
        return exec_id, await HeldProgram.over(taken, argv[0])

    async def _status(self, exec_id: str) -> int:
        """The exit status; the engine knows it a moment after the output has ended."""
        async with asyncio.timeout(STATUS_LIMIT):
            while True:
                said = await self._connection.call(lambda c: c.exec_inspect(exec_id))
                if not said["Running"]:
                    return int(said["ExitCode"])
                await asyncio.sleep(0.01)


async def _talk(program: HeldProgram, stdin: bytes) -> bytes:
    """Feed and read at once: a program that answers while it reads must not block on us."""

    async def feed() -> None:
        with suppress(ConnectionLost):  # a program may end without having read everything
            await program.write(stdin)
            await program.end_input()

    chunks: list[bytes] = []
    feeding = asyncio.create_task(feed()) if stdin else None
    try:
        while chunk := await program.read():
            chunks.append(chunk)
    finally:
        if feeding:
            feeding.cancel()
            await asyncio.wait([feeding])
    return b"".join(chunks)


def maps_users(info: Mapping[str, Any]) -> bool:
    options = {str(option).partition(",")[0] for option in info.get("SecurityOptions") or ()}
    return "name=rootless" in options or info.get("OperatingSystem") == "Docker Desktop"


def _container(said: dict[str, Any]) -> Container:
    state = said["State"]
    started = state.get("StartedAt", "")
    return Container(
        container_id=said["Id"],
        name=said["Name"].removeprefix("/"),
        state=ContainerState(state["Status"]),
        started_at="" if started.startswith(_NEVER) else started,
        exit_code=int(state.get("ExitCode", 0)),
        restarts=int(said.get("RestartCount", 0)),
        labels=said["Config"].get("Labels") or {},
    )
