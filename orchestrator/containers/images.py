"""The images of this project: `core.ports.Images`, and what `orchestrator image` needs besides.

An image is named after its content, so it is built once and then only looked up. One build at a time on a
machine, whoever asks: a second launch waits and finds the image there.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Container, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import IO, Any

import docker
from filelock import AsyncFileLock, Timeout
from platformdirs import user_cache_path

from orchestrator.containers import base, recipes
from orchestrator.containers.building import SILENCE_LIMIT, Said, narrate
from orchestrator.containers.connection import SLOW, Connection
from orchestrator.containers.pulling import exists, find, pull
from orchestrator.containers.recipes import KIND, Recipe
from orchestrator.containers.uses import in_use, users
from orchestrator.core.errors import (
    EngineRefused,
    ImageNotFound,
    ImageUnavailable,
    TimedOut,
)
from orchestrator.core.ports import Outlook, Progress

AGENT_UID = "orchestrator.agent_uid"
#: Seconds that a launch waits for another's build.
LOCK_LIMIT = 1800.0
_HINT = "building needs Debian's package servers; `orchestrator image build` shows its steps"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltImage:
    """One image that was built here; `created` is in seconds since the epoch.

    `current` is what a launch and `model up` take, as this version and its settings are.
    """

    name: str
    kind: str
    image_id: str
    created: int
    size: int
    current: bool = False


class DockerImages:
    """`base_image` is what the images are built on, where it can be had."""

    def __init__(self, connection: Connection, *, base_image: str) -> None:
        self._connection = connection
        self._base_image = base_image

    async def ensure(self, image: str, agent_uid: int, progress: Progress) -> str:
        """The agent image of this version, built if missing; a named one is pulled if missing.

        Raises:
            ImageNotFound: the named one is not here, and no registry has it.
            ImageUnavailable: there is none, or the named one cannot hold an agent of that user's.
        """
        if not image:
            return await self._ensure(await self._agent(agent_uid), progress)
        if not await exists(self._connection, image):
            await find(self._connection, image)
            await pull(self._connection, image, progress)
        await self._check(image, agent_uid)
        return image

    async def foresee(self, image: str, agent_uid: int) -> Outlook:
        """What `ensure` would begin with; nothing is built or pulled, and no registry is asked.

        Raises:
            ImageUnavailable: the named one is here and cannot hold an agent of that user's.
        """
        info = await self._connection.call(lambda c: c.info())
        name = image or (await self._agent_on(info, agent_uid)).name
        here = await exists(self._connection, name)
        if image and here:
            await self._check(image, agent_uid)
        return Outlook(image=name, here=here, cpus=int(info["NCPU"]), memory=int(info.get("MemTotal") or 0))

    async def source(self, image: str, agent_uid: int) -> list[str]:
        """The command lines of what `ensure` would do about an image that is not here.

        Raises:
            ImageNotFound: the named one is in no registry that answers.
            ImageUnavailable: there is nothing to build this version's own on.
        """
        if not image:
            return await self.plan_build(agent_uid)
        await find(self._connection, image)
        return [f"docker pull {image}"]

    async def plan_build(self, agent_uid: int, *, fresh: bool = False) -> list[str]:
        """The command lines of `build`; it refuses what `build` does before it begins."""
        return await self._plan(await self._agent(agent_uid), fresh=fresh)

    async def foresee_model(self) -> tuple[str, list[str]]:
        """The scripted model's image, and the command lines that `ensure_model` would need for it."""
        recipe = recipes.model(self._base_image)
        here = await exists(self._connection, recipe.name)
        return recipe.name, [] if here else await self._plan(recipe, fresh=False)

    async def _plan(self, recipe: Recipe, *, fresh: bool) -> list[str]:
        found = await base.foresee(self._connection, self._base_image)
        return [*found.steps, recipe.command_line(found.image, fresh=fresh)]

    async def _check(self, image: str, agent_uid: int) -> None:
        said = await self._connection.call(lambda c: c.inspect_image(image))  # type: ignore[no-untyped-call]  # bare in its stubs
        _check_agent(image, said["Config"].get("Labels") or {}, agent_uid)

    async def ensure_model(self, progress: Progress) -> str:
        """The scripted model's image, built if missing."""
        return await self._ensure(recipes.model(self._base_image), progress)

    async def build(self, agent_uid: int, progress: Progress, *, fresh: bool = False) -> str:
        """Build the agent image; `fresh` reuses no layer, and so gets Debian's newest packages."""
        recipe = await self._agent(agent_uid)
        async with _alone(progress):
            await self._build(recipe, progress, fresh=fresh)
        return recipe.name

    async def current(self, image: str, agent_uid: int) -> frozenset[str]:
        """What a launch with this image (this version's own, if empty) and `model up` take; here or not."""
        agent = image or (await self._agent(agent_uid)).name
        return frozenset({agent, recipes.model(self._base_image).name})

    async def list(self, current: Container[str] = ()) -> list[BuiltImage]:
        """Every image of this project's, the newest first; those named in `current` are marked."""
        said = await self._connection.call(lambda c: c.images(filters={"label": KIND}))
        found = [
            BuiltImage(
                name=name,
                kind=one["Labels"][KIND],
                image_id=one["Id"],
                created=one["Created"],
                size=one["Size"],
                current=name in current,
            )
            for one in said
            for name in one["RepoTags"] or ()
            if name != "<none>:<none>"
        ]
        return sorted(found, key=lambda image: image.created, reverse=True)

    async def check_removable(self, image: str) -> None:
        """What `remove` refuses before it begins.

        Raises:
            ImageNotFound: it is none of this project's images.
            ImageInUse: a container was made from it, and it has no other name to go by.
        """
        named = await self.list()
        one = next((known for known in named if known.name == image), None)
        if one is None:
            raise ImageNotFound(f"{image} is no image of orchestrator's", hint="`orchestrator image ls`")
        containers = await self._connection.call(lambda c: c.containers(all=True))
        by = users(one.image_id, containers)
        if by and sum(known.image_id == one.image_id for known in named) == 1:
            raise in_use(image, by)

    async def remove(self, image: str) -> None:
        """Remove one image of this project's; see `check_removable`."""
        await self.check_removable(image)
        await self._connection.call(lambda c: c.remove_image(image), limit=SLOW)

    async def _agent(self, agent_uid: int) -> Recipe:
        return await self._agent_on(await self._connection.call(lambda c: c.info()), agent_uid)

    async def _agent_on(self, engine: Mapping[str, Any], agent_uid: int) -> Recipe:
        architecture = str(engine["Architecture"])
        return await asyncio.to_thread(recipes.agent, self._base_image, agent_uid, architecture)

    async def _ensure(self, recipe: Recipe, progress: Progress) -> str:
        if await exists(self._connection, recipe.name):
            return recipe.name
        async with _alone(progress):
            if not await exists(self._connection, recipe.name):
                await self._build(recipe, progress)
        return recipe.name

    async def _build(self, recipe: Recipe, progress: Progress, *, fresh: bool = False) -> None:
        chosen = await base.choose(self._connection, self._base_image, progress)
        progress(f"building {recipe.name} on {chosen}")
        try:
            await self._send(recipe, chosen, progress, fresh=fresh)
        except (ImageUnavailable, EngineRefused) as exc:
            raise ImageUnavailable(f"{recipe.name} could not be built: {exc.message}", hint=_HINT) from exc
        if not await exists(self._connection, recipe.name):
            raise ImageUnavailable(f"{recipe.name} could not be built: it broke off", hint=_HINT)
        progress(f"built {recipe.name}")

    async def _send(self, recipe: Recipe, chosen: str, progress: Progress, *, fresh: bool) -> None:
        with tempfile.TemporaryFile() as context:
            await asyncio.to_thread(recipe.pack, context)
            context.seek(0)
            begin = partial(_begin, context, recipe, chosen, fresh)
            await narrate(self._connection, begin, progress)


def _check_agent(image: str, labelled: Mapping[str, str], agent_uid: int) -> None:
    if labelled.get(KIND) != "agent":
        raise ImageUnavailable(
            f"{image} has no supervisor in it",
            hint="begin its Dockerfile with FROM and an agent image from `orchestrator image ls`",
        )
    if labelled.get(AGENT_UID) != str(agent_uid):
        theirs = labelled.get(AGENT_UID, "unknown")
        raise ImageUnavailable(
            f"{image} was made for user id {theirs}, this session's files belong to {agent_uid}",
            hint="`orchestrator image build`, then make it again from the image that this names",
        )


def _begin(
    context: IO[bytes],
    recipe: Recipe,
    chosen: str,
    fresh: bool,  # noqa: FBT001 - bound by name's place in a partial
    client: docker.APIClient,
) -> Iterator[Said]:
    return client.build(
        fileobj=context,
        custom_context=True,
        tag=recipe.name,
        buildargs=recipe.arguments_on(chosen),
        labels=recipe.labels,
        nocache=fresh,
        rm=True,
        forcerm=True,
        decode=True,
        use_config_proxy=True,
        timeout=int(SILENCE_LIMIT),
    )


@asynccontextmanager
async def _alone(progress: Progress) -> AsyncIterator[None]:
    """One build at a time for this user."""
    path = user_cache_path("orchestrator", appauthor=False, ensure_exists=True) / "image-build.lock"
    lock = AsyncFileLock(path)
    try:
        await lock.acquire(timeout=0)
    except Timeout:
        progress("waiting for another build of the image")
        try:
            await lock.acquire(timeout=LOCK_LIMIT)
        except Timeout as exc:
            raise TimedOut("another build of the image does not end") from exc
    try:
        yield
    finally:
        await lock.release()
