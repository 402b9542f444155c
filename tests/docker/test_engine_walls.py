"""The walls around an agent, as the engine reports them and as a process inside finds them."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from orchestrator.containers.engine import DockerEngine
from orchestrator.core.errors import EngineRefused
from orchestrator.core.ports import ContainerPlan, ContainerState, Mount

pytestmark = pytest.mark.docker

MEMORY = 128 * 1024**2
INSIDE = "echo inside; touch /home/agent/x"
Shell = Callable[[str], Awaitable[str]]


@pytest.fixture
def plan(plan: ContainerPlan, tmp_path: Path) -> ContainerPlan:
    """With a workspace that the agent can write, and a secret."""
    for part in ("work", "secrets"):
        (tmp_path / part).mkdir()
        (tmp_path / part).chmod(0o777)
    (tmp_path / "secrets/token").write_text("s3cret")
    tmp_path.chmod(0o755)
    mounts = (
        Mount(source=str(tmp_path / "work"), target="/work"),
        Mount(source=str(tmp_path / "secrets"), target="/run/secrets", read_only=True),
    )
    return replace(plan, mounts=mounts, memory=MEMORY, cpus=0.5, pids=32)


@pytest.fixture
async def shell(engine: DockerEngine, plan: ContainerPlan) -> Shell:
    """Runs a line in the started container, as the agent; what it said on both outputs."""
    await engine.create(plan)
    await engine.start(plan.name)

    async def run(line: str) -> str:
        done = await engine.run(plan.name, ["bash", "-c", line])
        return (done.stdout + done.stderr).decode().strip()

    return run


def inspected(plan: ContainerPlan) -> dict[str, Any]:
    with closing(docker.from_env()) as client:
        found: dict[str, Any] = client.api.inspect_container(plan.name)
        return found


async def test_the_engine_confirms_every_wall(shell: Shell, plan: ContainerPlan) -> None:
    """What was asked for is what the container has."""
    said = await asyncio.to_thread(inspected, plan)
    host = said["HostConfig"]
    assert said["Config"]["User"] == "root"
    assert host["Init"]
    assert host["CapDrop"] == ["ALL"]
    assert {cap.removeprefix("CAP_") for cap in host["CapAdd"]} == {"SETUID", "SETGID", "KILL"}
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert host["ReadonlyRootfs"]
    assert host["UsernsMode"] == "host"
    assert not host["Privileged"]
    assert (host["Memory"], host["MemorySwap"]) == (MEMORY, MEMORY)
    assert (host["PidsLimit"], host["NanoCpus"]) == (32, 500_000_000)
    assert host["RestartPolicy"]["Name"] == "on-failure"
    assert host["LogConfig"]["Config"] == {"max-file": "2", "max-size": "10m", "mode": "non-blocking"}
    assert host["ExtraHosts"] == ["host.docker.internal:host-gateway"]
    assert list(said["NetworkSettings"]["Networks"]) == [plan.network]
    assert not host["Binds"]
    assert {mount["Destination"] for mount in said["Mounts"]} == {"/work", "/run/secrets"}
    assert "s3cret" not in json.dumps(said)


async def test_the_agent_has_no_power_at_all(shell: Shell) -> None:
    """No capability, no way to get one."""
    status = await shell("cat /proc/self/status")
    assert "CapEff:\t0000000000000000" in status
    assert "CapPrm:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    assert await shell("id -u; id -g; id -G") == "1000\n1000\n1000"


@pytest.mark.parametrize(
    "line",
    [
        "touch /x",
        "touch /usr/bin/x",
        "touch /opt/orchestrator/x",
        "touch /run/secrets/x",
        "ls /priv",
        "mount -t tmpfs none /home/agent",
        "unshare -Ur true",
        "kill 1",
    ],
)
async def test_the_agent_cannot(shell: Shell, line: str) -> None:
    """Neither write outside its places, nor look behind the door, nor make namespaces."""
    assert "NO" in await shell(f"{line} || echo NO")


async def test_the_agent_has_its_own_places(shell: Shell) -> None:
    """A workspace, a home and a temporary folder from which programs can be run; a secret to read."""
    assert await shell("cd /work && echo x > a && cat a") == "x"
    for place in ("/tmp", "/home/agent", "/work"):  # noqa: S108 - inside the container
        assert await shell(f"cd {place} && cp /bin/echo ./run && ./run ran") == "ran"
    assert await shell("touch /run/agent/x && echo yes") == "yes"
    assert await shell("cat /run/secrets/token") == "s3cret"
    assert await shell("ls /var/run/docker.sock /run/docker.sock 2>/dev/null") == ""
    assert "s3cret" not in await shell("env")


async def test_the_agent_cannot_take_more_processes_than_it_is_given(shell: Shell) -> None:
    """A fork bomb ends at the container's wall."""
    said = await shell("for i in $(seq 60); do sleep 20 & done 2>&1; echo; pkill sleep")
    assert "Resource temporarily unavailable" in said


@pytest.mark.parametrize("allowed", [True, False])
async def test_codexs_own_sandbox_works_where_the_plan_asks_for_it(
    engine: DockerEngine, plan: ContainerPlan, *, allowed: bool
) -> None:
    """Our profile lets it make user namespaces, the engine's own does not."""
    await engine.create(replace(plan, user_namespaces=allowed, pids=128, memory=4 * MEMORY))
    await engine.start(plan.name)
    argv = [
        "codex",
        "sandbox",
        "-c",
        'sandbox_mode="workspace-write"',
        "--",
        "sh",
        "-c",
        "echo inside; touch /home/agent/x",
    ]
    done = await engine.run(plan.name, ["env", "CODEX_HOME=/tmp", *argv])
    assert (b"inside" in done.stdout) is allowed
    assert done.status != 0


async def test_a_container_that_cannot_start_does_not_keep_its_name(
    engine: DockerEngine, plan: ContainerPlan, tmp_path: Path
) -> None:
    """A failed start would leave it in the way of the next."""
    (tmp_path / "lost").mkdir()
    lost = Mount(source=str(tmp_path / "lost"), target="/lost")
    await engine.create(replace(plan, mounts=(*plan.mounts, lost)))
    (tmp_path / "lost").rmdir()
    with pytest.raises(EngineRefused):
        await engine.start(plan.name)
    await engine.create(plan)
    assert (await engine.inspect(plan.name)).state is ContainerState.CREATED


async def test_a_cancelled_creation_leaves_nothing(engine: DockerEngine, plan: ContainerPlan) -> None:
    """As when a launch is interrupted. A second one, begun later, shows that the first had its time."""
    creating = asyncio.create_task(engine.create(plan))
    await asyncio.sleep(0)
    creating.cancel()
    with pytest.raises(asyncio.CancelledError):
        await creating
    second = await engine.create(replace(plan, name=f"{plan.name}2"))
    found = await engine.containers(plan.labels["orchestrator.project"])
    assert [container.container_id for container in found] == [second]
