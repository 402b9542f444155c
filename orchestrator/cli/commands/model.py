"""`orchestrator model`: the scripted model, for trying things without a key."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from orchestrator.cli.invocation import Verbs, current
from orchestrator.cli.kinds import Number
from orchestrator.cli.output import answer, answer_or_plan, engine_plan, print_json, tell
from orchestrator.cli.progress import steps
from orchestrator.core.errors import InvalidInput

if TYPE_CHECKING:
    from orchestrator.containers.scripted_model import ModelContainer

#: The port as the containers reach it: the engine's host under its name in there.
HOST_IN_CONTAINERS = "host.docker.internal"
#: What stands in a plan for the id that the data directory will get.
UNKNOWN_PROJECT = "PROJECT"


@click.group(cls=Verbs)
def model() -> None:
    """A scripted model, to try things without a key."""


@model.command()
@click.option(
    "--scenario", type=click.Path(path_type=Path), metavar="FILE", help="A demonstration if not given."
)
@click.option(
    "--host",
    default="0.0.0.0",  # noqa: S104 - containers reach no loopback
    show_default=True,
    metavar="ADDRESS",
    help="Where to listen; containers reach no loopback.",
)
@click.option(
    "--port",
    type=Number(0, 65535),
    default=8123,
    show_default=True,
    metavar="N",
    help="0 takes a free one.",
)
def serve(*, scenario: Path | None, host: str, port: int) -> None:
    """Serve it here until Ctrl-C.

    FILE is read again whenever it changes.
    """
    from orchestrator.testing.model.actions import ScenarioInvalid  # noqa: PLC0415 - only this verb needs it
    from orchestrator.testing.model.server import serve as play  # noqa: PLC0415 - as above

    try:
        play(host=host, port=port, scenario=scenario, ready=_tell)
    except ScenarioInvalid as exc:
        raise _unplayable(exc) from exc
    except OSError as exc:
        raise InvalidInput(
            f"the model cannot listen at {host}:{port}: {exc.strerror or exc}",
            hint="`--port 0` takes a free port",
        ) from exc


@model.command()
@click.option(
    "--scenario",
    type=click.Path(exists=True, dir_okay=False, resolve_path=True, path_type=Path),
    metavar="FILE",
    help="A demonstration if not given.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be done.")
def up(*, scenario: Path | None, dry_run: bool) -> None:
    """Run it as a container that the sessions reach."""
    if scenario:
        _check(scenario)
    if dry_run:
        answer_or_plan(engine_plan(asyncio.run(_container(makes=False).plan_start(scenario))), _started)
        return
    with steps() as say:
        base_url = asyncio.run(_container().start(scenario, say))
    answer_or_plan({"base_url": base_url}, _started)


@model.command()
@click.option("--dry-run", is_flag=True, help="Show what would be done.")
def down(*, dry_run: bool) -> None:
    """Remove the container of `model up`."""
    if dry_run:
        lines = asyncio.run(_container(makes=False).plan_stop())
        answer_or_plan(engine_plan(lines), _started, nothing="no model runs")
        return
    with steps() as say:
        say("removing the model's container")
        removed = asyncio.run(_container().stop())
    answer({"removed": removed}, lambda: tell("removed" if removed else "no model ran"))


def _check(scenario: Path) -> None:
    """Before a container is started: one that cannot play would only restart for ever."""
    from orchestrator.testing.model.actions import ScenarioInvalid  # noqa: PLC0415 - only this verb needs it
    from orchestrator.testing.model.scenario import load  # noqa: PLC0415 - as above

    try:
        load(scenario)
    except ScenarioInvalid as exc:
        raise _unplayable(exc) from exc


def _unplayable(reason: ValueError) -> InvalidInput:
    return InvalidInput(f"the scenario cannot be played: {reason}")


def _container(*, makes: bool = True) -> "ModelContainer":
    """`makes` says whether a project that is not there yet is made; else `UNKNOWN_PROJECT` stands for it."""
    from orchestrator.containers.connection import Connection  # noqa: PLC0415 - docker is heavy
    from orchestrator.containers.images import DockerImages  # noqa: PLC0415 - as above
    from orchestrator.containers.scripted_model import ModelContainer  # noqa: PLC0415 - as above
    from orchestrator.daemon.home import places  # noqa: PLC0415 - as above
    from orchestrator.daemon.settings import load_settings  # noqa: PLC0415 - as above
    from orchestrator.store.registry import JsonRegistry, known_project  # noqa: PLC0415 - as above

    home = current().home_path()
    engine = load_settings(home).engine
    connection = Connection(engine.host or None)
    images = DockerImages(connection, base_image=engine.base_image)
    kept = places(home)
    project = JsonRegistry(kept).project_id() if makes else known_project(Path(kept.project_file))
    return ModelContainer(connection, images, project or UNKNOWN_PROJECT)


def _started(document: Any) -> None:
    click.echo(document["base_url"])
    current().note(f"for sessions: orchestrator launch ROLE --base-url {document['base_url']}")


def _tell(url: str) -> None:
    inside = f"http://{HOST_IN_CONTAINERS}:{urlsplit(url).port}/v1"
    if current().json:
        print_json({"url": url, "base_url": inside})
        return
    click.echo(url)
    current().note(f"for sessions: orchestrator launch ROLE --base-url {inside}")
