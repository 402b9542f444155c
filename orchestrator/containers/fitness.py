"""Whether sessions can live on an engine: what it is, and whether it sees the files that are here.

The daemon and the agents share folders: on both sides they have to be the same files, with the same owners.
What cannot work is refused before anything is made.
"""

import tempfile
from collections.abc import Mapping
from typing import Any

import docker
from docker.errors import APIError
from docker.types import HostConfig, Mount

from orchestrator.containers.faults import NOT_SEEN
from orchestrator.core.errors import EngineUnfit

#: No container can be called so: the engine looks for the mount's source first, and then refuses the name.
_NO_NAME = "-"
_NO_IMAGE = "orchestrator-nobody-has-this"
_PODMAN = "Podman Engine"


def check(client: docker.APIClient, folder: str, where: str) -> tuple[str, ...]:
    """Warnings about the engine at the address `where`; `folder` is above the sessions' own.

    Raises:
        EngineUnfit: no session can live there; why, and what to do.
    """
    warnings = judge(client.version(), client.info(), where)
    if not sees(client, folder):
        raise EngineUnfit(
            f"the engine at {where} does not see the files in {folder}, and sessions live in both",
            hint="run orchestrator on the engine's machine, with a data directory that the engine sees too",
        )
    return warnings


def judge(version: Mapping[str, Any], info: Mapping[str, Any], where: str) -> tuple[str, ...]:
    """What the engine's own words about itself come to, as `check` does."""
    if any(part.get("Name") == _PODMAN for part in version.get("Components") or ()):
        raise EngineUnfit(
            f"the engine at {where} is Podman {version.get('Version')}: it refuses an agent's container",
            hint="install Docker, or choose its engine with DOCKER_HOST",
        )
    options = {str(option).partition(",")[0] for option in info.get("SecurityOptions") or ()}
    if "name=rootless" in options:
        raise EngineUnfit(
            f"the engine at {where} is rootless: in its containers your files are root's, which no agent is",
            hint="choose the system's engine: DOCKER_HOST=unix:///var/run/docker.sock",
        )
    if "name=userns" in options:
        return ("the engine maps users (userns-remap), but not for agents: they run with --userns=host",)
    return ()


def sees(client: docker.APIClient, folder: str) -> bool:
    """Whether the engine finds a file made in `folder` just now; no container is made for it.

    It counts as yes where that cannot be tried, or the engine says nothing of the file.
    """
    image = next(iter(client.images(quiet=True)), _NO_IMAGE)
    try:
        fresh = tempfile.NamedTemporaryFile(prefix=".seen-by-engine-", dir=folder)  # noqa: SIM115 - closed below
    except OSError:
        return True  # a folder that cannot be written is told where it is written
    with fresh:
        mount = Mount("/seen", fresh.name, type="bind", read_only=True)
        config = HostConfig(version=client.api_version, mounts=[mount])
        try:
            made = client.create_container(image, name=_NO_NAME, host_config=config)
        except APIError as exc:
            return NOT_SEEN not in str(exc.explanation)
    client.remove_container(made["Id"], force=True)
    return True
