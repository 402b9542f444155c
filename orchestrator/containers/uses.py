"""Who uses an image, in words: a pure reading of the engine's list of containers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from orchestrator.containers.labels import ROLE, SESSION
from orchestrator.core.errors import ImageInUse

NAMES_TOLD = 5


def users(image_id: str, containers: Iterable[Mapping[str, Any]]) -> list[str]:
    """The sessions and other containers that were made from the image, running or not."""
    return [_name(one) for one in containers if one["ImageID"] == image_id]


def _name(container: Mapping[str, Any]) -> str:
    labelled = container.get("Labels") or {}
    if SESSION in labelled:
        return f"{labelled.get(ROLE, 'a session')} ({labelled[SESSION]})"
    return f"the container {str(container['Names'][0]).removeprefix('/')}"


def in_use(image: str, by: Sequence[str]) -> ImageInUse:
    more = len(by) - NAMES_TOLD
    told = ", ".join(by[:NAMES_TOLD]) + (f" and {more} more" if more > 0 else "")
    return ImageInUse(
        f"{image} is used by {told}",
        hint="`orchestrator rm` removes a session with its container, `docker rm` any other container",
    )
