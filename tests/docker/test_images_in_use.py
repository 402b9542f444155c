"""An image that a container was made from: refused with who uses it, before the engine is asked to."""

import io
import secrets
import tarfile
from collections.abc import Iterator
from contextlib import closing

import docker
import pytest

from orchestrator.containers.images import DockerImages
from orchestrator.containers.labels import ROLE, SESSION
from orchestrator.core.errors import Exit, ImageInUse, ImageNotFound

pytestmark = pytest.mark.docker


@pytest.fixture
def engine_client() -> Iterator[docker.APIClient]:
    with closing(docker.APIClient(version="auto", timeout=60)) as client:
        yield client


@pytest.fixture
def image(engine_client: docker.APIClient) -> Iterator[str]:
    """One of this project's, with nothing in it."""
    rootfs = io.BytesIO()
    with tarfile.open(fileobj=rootfs, mode="w") as tar:
        tar.addfile(tarfile.TarInfo(secrets.token_hex(8)))
    repository, tag = "orchestrator-test-used", secrets.token_hex(4)
    label = ["LABEL orchestrator.image=agent"]
    engine_client.import_image_from_data(rootfs.getvalue(), repository=repository, tag=tag, changes=label)
    name = f"{repository}:{tag}"
    yield name
    if engine_client.images(name):
        engine_client.remove_image(name, force=True)


@pytest.fixture
def containers(engine_client: docker.APIClient, image: str) -> Iterator[list[str]]:
    """A session's, and somebody else's; neither runs."""
    labels = {SESSION: "abc0000000", ROLE: "reviewer"}
    other = f"orchestrator-test-{secrets.token_hex(4)}"
    made = [
        engine_client.create_container(image, ["x"], labels=labels)["Id"],
        engine_client.create_container(image, ["x"], name=other)["Id"],
    ]
    yield [*made, other]
    for one in made:
        engine_client.remove_container(one, force=True)


async def test_an_image_in_use_is_not_removed(
    images: DockerImages, image: str, containers: list[str]
) -> None:
    """Stopped containers need it to start again; its users are named, the newest first."""
    with pytest.raises(ImageInUse) as refused:
        await images.remove(image)
    told = f"{image} is used by the container {containers[2]}, reviewer (abc0000000)"
    assert refused.value.message == told
    assert refused.value.exit_status is Exit.CONFLICT
    assert "`orchestrator rm`" in refused.value.hint
    assert image in {one.name for one in await images.list()}


@pytest.mark.usefixtures("containers")
async def test_one_of_two_names_of_an_image_in_use_may_go(
    images: DockerImages, engine_client: docker.APIClient, image: str
) -> None:
    """The containers keep the image."""
    repository, tag = image.split(":")
    second = f"{repository}:{tag}-again"
    engine_client.tag(image, repository, f"{tag}-again")
    await images.remove(second)
    with pytest.raises(ImageInUse):
        await images.remove(image)


async def test_an_image_that_nobody_uses_is_removed(images: DockerImages, image: str) -> None:
    """And is not there any more."""
    await images.check_removable(image)
    await images.remove(image)
    with pytest.raises(ImageNotFound):
        await images.check_removable(image)


async def test_what_this_version_uses_is_marked(images: DockerImages, image: str) -> None:
    """By its name, whether it is here or not; the settings may name another one."""
    own = await images.current("", 1000)
    assert {name.split(":")[0] for name in own} == {"orchestrator-agent", "orchestrator-model"}
    named = await images.current(image, 1000)
    assert named - own == {image}
    listed = {one.name: one.current for one in await images.list(named)}
    assert listed[image]
    assert not {one.name: one.current for one in await images.list(own)}[image]
