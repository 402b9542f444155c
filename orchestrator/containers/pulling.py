"""An image that somebody named: whether it is here, whether a registry has it, and fetching it."""

from orchestrator.containers.building import narrate
from orchestrator.containers.connection import SLOW, Connection
from orchestrator.core.errors import (
    ContainerGone,
    EngineUnreachable,
    ImageNotFound,
    ImageUnavailable,
    OrchestratorError,
)
from orchestrator.core.ports import Progress

#: Seconds, for a registry to know an image.
REGISTRY_LIMIT = 20.0


async def exists(connection: Connection, image: str) -> bool:
    try:
        await connection.call(lambda c: c.inspect_image(image))  # type: ignore[no-untyped-call]  # bare in its stubs
    except (ImageUnavailable, ContainerGone):
        return False
    return True


async def find(connection: Connection, image: str) -> None:
    """`ImageNotFound` where no registry answers that it has the image."""
    try:
        await connection.call(
            lambda c: c.inspect_distribution(image),  # type: ignore[no-untyped-call]  # bare in its stubs
            limit=REGISTRY_LIMIT,
        )
    except EngineUnreachable:
        raise
    except OrchestratorError as exc:
        raise ImageNotFound(
            f"{image} is not here and cannot be pulled",
            hint="`orchestrator image ls` lists the images here; without a name it is this version's own",
        ) from exc


async def pull(connection: Connection, image: str, progress: Progress) -> None:
    """Fetch an image from its registry.

    Raises:
        ImageUnavailable: the registry broke off.
    """
    repository, _, tag = image.rpartition(":") if ":" in image.rsplit("/", 1)[-1] else (image, "", "latest")
    progress(f"pulling {image}")
    await narrate(
        connection, lambda c: c.pull(repository, tag=tag, stream=True, decode=True), progress, limit=SLOW
    )
