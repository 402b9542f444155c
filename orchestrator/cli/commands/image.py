"""`orchestrator image`: the agent image, built by this process itself: no daemon is needed for it."""

import asyncio
import shlex
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from orchestrator.cli.invocation import Verbs, current
from orchestrator.cli.output import age, answer, answer_or_plan, engine_plan, table_or_names
from orchestrator.core.envelope import timestamp

if TYPE_CHECKING:
    from orchestrator.containers.images import BuiltImage, DockerImages
    from orchestrator.daemon.settings import Settings

T = TypeVar("T")
MEGABYTE = 1_000_000


@click.group(cls=Verbs)
def image() -> None:
    """Build, list and remove the agent image.

    The first launch builds it by itself.
    """


@image.command()
@click.option("--fresh", is_flag=True, help="Reuse no layer; gets Debian's newest packages.")
@click.option("--dry-run", is_flag=True, help="Show what would be done.")
def build(*, fresh: bool, dry_run: bool) -> None:
    """Build the agent image now; its steps go to stderr."""
    from orchestrator.daemon.build import rules  # noqa: PLC0415 - docker and more are behind it

    settings = _settings()
    uid, note = rules(settings).agent_uid, current().note
    if dry_run:
        lines = _with_images(settings, lambda images: images.plan_build(uid, fresh=fresh))
        answer_or_plan(engine_plan(lines), lambda _: None)
        return
    name = _with_images(settings, lambda images: images.build(uid, note, fresh=fresh))
    answer({"image": name}, lambda: click.echo(name))


@image.command("ls")
def list_images() -> None:
    """List the images that were built here, the newest first; with `-q` their names alone.

    CURRENT are those that this version and its settings use.
    """
    from orchestrator.daemon.build import rules  # noqa: PLC0415 - as above

    settings = _settings()
    wanted = rules(settings)

    async def look(images: "DockerImages") -> "list[BuiltImage]":
        return await images.list(await images.current(wanted.image, wanted.agent_uid))

    found = _with_images(settings, look)
    headings = ("IMAGE", "KIND", "AGE", "SIZE", "CURRENT")
    answer(
        [described(one) for one in found],
        lambda: table_or_names(headings, [_row(one) for one in found], cut=("SIZE", "AGE", "KIND")),
    )


@image.command()
@click.argument("name")
@click.option("--dry-run", is_flag=True, help="Show what would be done.")
def rm(name: str, *, dry_run: bool) -> None:
    """Remove an image that was built here."""
    if dry_run:
        _with_images(_settings(), lambda images: images.check_removable(name))
        answer_or_plan(engine_plan([shlex.join(["docker", "rmi", name])]), lambda _: None)
        return
    _with_images(_settings(), lambda images: images.remove(name))
    answer({"image": name, "removed": True}, lambda: click.echo(f"{name} removed"))


def _settings() -> "Settings":
    from orchestrator.daemon.settings import load_settings  # noqa: PLC0415 - as above

    return load_settings(current().home_path())


def _with_images(settings: "Settings", work: Callable[["DockerImages"], Awaitable[T]]) -> T:
    """What `work` gives, on a connection of its own."""
    from orchestrator.containers.connection import Connection  # noqa: PLC0415 - as above
    from orchestrator.containers.images import DockerImages  # noqa: PLC0415 - as above

    async def run() -> T:
        connection = Connection(settings.engine.host or None)
        try:
            return await work(DockerImages(connection, base_image=settings.engine.base_image))
        finally:
            await connection.close()

    return asyncio.run(run())


def described(one: "BuiltImage") -> dict[str, Any]:
    """The image as `--json` has it."""
    return {
        "image": one.name,
        "kind": one.kind,
        "image_id": one.image_id,
        "created": timestamp(one.created * 1_000_000),
        "size": one.size,
        "current": one.current,
    }


def _row(one: "BuiltImage") -> tuple[str, ...]:
    current = "yes" if one.current else "-"
    return (one.name, one.kind, age(time.time() - one.created), f"{one.size // MEGABYTE} MB", current)
