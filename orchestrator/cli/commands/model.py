"""`orchestrator model`: the scripted model, for trying things without a key."""

from pathlib import Path
from urllib.parse import urlsplit

import click

from orchestrator.cli.invocation import Verbs, current
from orchestrator.cli.output import print_json
from orchestrator.core.errors import InvalidInput

#: The port as the containers reach it: the engine's host under its name in there.
HOST_IN_CONTAINERS = "host.docker.internal"


@click.group(cls=Verbs)
def model() -> None:
    """Play a model from a scenario file."""


@model.command()
@click.option(
    "--scenario", type=click.Path(path_type=Path), metavar="FILE", help="A demonstration if not given."
)
@click.option(
    "--host",
    default="0.0.0.0",  # noqa: S104 - containers reach no loopback
    show_default=True,
    help="Where to listen; containers reach no loopback.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8123, show_default=True, help="0 takes a free one."
)
def serve(*, scenario: Path | None, host: str, port: int) -> None:
    """Serve the scripted model until Ctrl-C; FILE is read again whenever it changes."""
    from orchestrator.testing.model.actions import ScenarioInvalid  # noqa: PLC0415 - only this verb needs it
    from orchestrator.testing.model.server import serve as play  # noqa: PLC0415 - as above

    try:
        play(host=host, port=port, scenario=scenario, ready=_tell)
    except ScenarioInvalid as exc:
        raise InvalidInput(f"the scenario cannot be played: {exc}") from exc
    except OSError as exc:
        raise InvalidInput(
            f"the model cannot listen at {host}:{port}: {exc.strerror or exc}",
            hint="`--port 0` takes a free port",
        ) from exc


def _tell(url: str) -> None:
    inside = f"http://{HOST_IN_CONTAINERS}:{urlsplit(url).port}/v1"
    if current().json:
        print_json({"url": url, "base_url": inside})
        return
    click.echo(url)
    current().note(f"for sessions: orchestrator launch ROLE --base-url {inside}")
