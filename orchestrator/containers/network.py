"""The network of one project's containers: a plain bridge, made when it is first needed."""

import threading

import docker
import docker.errors

from orchestrator.containers import labels

#: The engine makes two networks of one name when asked twice at once.
_one_at_a_time = threading.Lock()


def network_name(project_id: str) -> str:
    return f"orchestrator-{project_id}"


def ensure(client: docker.APIClient, project_id: str) -> str:
    """The network's name; it exists when this returns."""
    name = network_name(project_id)
    with _one_at_a_time:
        if client.networks(names=[f"^{name}$"]):
            return name
        try:
            client.create_network(
                name, driver="bridge", check_duplicate=True, labels={labels.PROJECT: project_id}
            )
        except docker.errors.APIError as exc:
            if "already exists" not in str(exc.explanation):
                raise
    return name
