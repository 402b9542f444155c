"""A project's network is there whenever one of its containers needs it."""

from collections.abc import Iterator
from contextlib import closing

import docker
import pytest

from orchestrator.containers import labels
from orchestrator.containers.engine import DockerEngine
from orchestrator.core.errors import EngineRefused
from orchestrator.core.ports import ContainerPlan, ContainerState

pytestmark = pytest.mark.docker


@pytest.fixture
def client() -> Iterator[docker.DockerClient]:
    """What a person would do with the `docker` command."""
    with closing(docker.from_env(timeout=60)) as one:
        yield one


@pytest.mark.parametrize("ran", [False, True])
async def test_the_network_stays_while_a_container_is_down(
    engine: DockerEngine, plan: ContainerPlan, *, ran: bool
) -> None:
    """The engine would let it go, and the container could never be started again."""
    await engine.create(plan)
    if ran:
        await engine.start(plan.name)
        await engine.stop(plan.name, 0)
    with pytest.raises(EngineRefused, match="still has containers"):
        await engine.forget_project(plan.labels["orchestrator.project"])
    await engine.start(plan.name)


async def test_a_container_whose_network_was_pruned_starts_on_a_new_one(
    engine: DockerEngine, plan: ContainerPlan, client: docker.DockerClient
) -> None:
    """`docker network prune` takes it away from stopped sessions."""
    await engine.create(plan)
    await engine.start(plan.name)
    await engine.stop(plan.name, 0)
    client.networks.get(plan.network).remove()
    await engine.start(plan.name)
    assert (await engine.inspect(plan.name)).state is ContainerState.RUNNING
    on = client.api.inspect_container(plan.name)["NetworkSettings"]["Networks"]
    assert list(on) == [plan.network]
    assert on[plan.network]["IPAddress"]


async def test_two_networks_of_one_name_become_one(
    engine: DockerEngine, plan: ContainerPlan, client: docker.DockerClient
) -> None:
    """Made by two processes at the same moment; the engine could not tell which one is meant."""
    mine = {labels.PROJECT: plan.labels[labels.PROJECT]}
    first, _ = (client.networks.create(plan.network, check_duplicate=False, labels=mine) for _ in range(2))
    await engine.create(plan)
    await engine.start(plan.name)
    assert (await engine.inspect(plan.name)).state is ContainerState.RUNNING
    assert [n.id for n in client.networks.list(names=[f"^{plan.network}$"])] == [first.id]
