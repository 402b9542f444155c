"""The command line of a dry run makes the very container that a launch makes."""

import asyncio
import subprocess
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from orchestrator.containers import hardening, resources
from orchestrator.containers.engine import DockerEngine
from orchestrator.core.ports import ContainerPlan, Mount

pytestmark = pytest.mark.docker


def made(name: str) -> dict[str, Any]:
    """What the engine knows of a container, without what is not set."""
    with closing(docker.from_env()) as client:
        said = client.api.inspect_container(name)
    del said["Config"]["Hostname"]  # the container's own id
    parts = {**said["Config"], **said["HostConfig"]}
    parts["CapAdd"] = sorted(name.removeprefix("CAP_") for name in parts["CapAdd"])
    return {key: value for key, value in parts.items() if value}


@pytest.mark.parametrize("user_namespaces", [True, False])
async def test_the_shown_command_makes_the_same_container(
    engine: DockerEngine, plan: ContainerPlan, tmp_path: Path, *, user_namespaces: bool
) -> None:
    """Wall by wall; what is shown can be trusted."""
    mounts = (
        Mount(source=str(tmp_path), target="/work"),
        Mount(source=str(tmp_path), target="/run/secrets", read_only=True),
    )
    plan = replace(plan, mounts=mounts, cpus=1.5, user_namespaces=user_namespaces)
    await engine.create(plan)
    by_library = await asyncio.to_thread(made, plan.name)
    await engine.remove(plan.name)
    argv = hardening.command_line(plan, str(resources.seccomp_file()))
    await asyncio.to_thread(subprocess.run, argv, check=True, capture_output=True, timeout=60)
    by_command = await asyncio.to_thread(made, plan.name)
    differing = {key for key in by_command | by_library if by_command.get(key) != by_library.get(key)}
    assert {key: (by_command.get(key), by_library.get(key)) for key in differing} == {}
