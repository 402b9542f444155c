"""The network of one project's containers: a plain bridge, made when it is first needed.

A container that does not run holds no network, so the engine would let it go from under a stopped session:
here it stays while the project has any container, and one that was pruned is made again.
"""

import shlex
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import docker
import docker.errors

from orchestrator.containers import labels
from orchestrator.core.errors import EngineRefused

#: The engine makes two networks of one name when asked twice at once; and none may go while one is joined.
_one_at_a_time = threading.Lock()


def network_name(project_id: str) -> str:
    return f"orchestrator-{project_id}"


def command_line(project_id: str) -> str:
    """What `held` does, as a line for a shell."""
    name = network_name(project_id)
    made = shlex.join(["docker", "network", "create", "--label", f"{labels.PROJECT}={project_id}", name])
    return f"docker network inspect {name} || {made}"


@contextmanager
def held(client: docker.APIClient, project_id: str) -> Iterator[str]:
    """The network's name; it exists, and nobody here removes it before the block ends."""
    with _one_at_a_time:
        yield _ensure(client, project_id)


def forget(client: docker.APIClient, project_id: str) -> None:
    """Remove the project's network; one that is gone already is no error.

    Raises:
        EngineRefused: the project still has a container, running or not.
    """
    mine = {"label": f"{labels.PROJECT}={project_id}"}
    with _one_at_a_time:
        if client.containers(all=True, filters=mine):
            raise EngineRefused(f"project {project_id} still has containers on its network")
        for found in client.networks(filters=mine):
            with suppress(docker.errors.NotFound):
                client.remove_network(found["Id"])


def rejoin(client: docker.APIClient, container: str) -> None:
    """Put a container on its project's network again, after somebody pruned the one that it knew by id."""
    said = client.inspect_container(container)
    with held(client, said["Config"]["Labels"][labels.PROJECT]) as name:
        with suppress(docker.errors.NotFound):
            client.disconnect_container_from_network(container, name, force=True)
        client.connect_container_to_network(container, name)


def is_lost(exc: BaseException) -> bool:
    """Whether a start failed because the container's network is gone."""
    return isinstance(exc, docker.errors.NotFound) and "network" in str(exc.explanation)


def _ensure(client: docker.APIClient, project_id: str) -> str:
    name = network_name(project_id)
    found = client.networks(names=[f"^{name}$"]) or _made(client, name, project_id)
    # Another process may have made one at the same moment. All agree on which one stays.
    _, *doubles = sorted(found, key=lambda network: (network["Created"], network["Id"]))
    for double in doubles:
        with suppress(docker.errors.APIError):  # one that is in use stays, or another has removed it
            client.remove_network(double["Id"])
    return name


def _made(client: docker.APIClient, name: str, project_id: str) -> list[dict[str, Any]]:
    """The networks of that name now that there is one."""
    try:
        client.create_network(
            name, driver="bridge", check_duplicate=True, labels={labels.PROJECT: project_id}
        )
    except docker.errors.APIError as exc:
        if "already exists" not in str(exc.explanation):
            raise
    found: list[dict[str, Any]] = client.networks(names=[f"^{name}$"])
    return found
