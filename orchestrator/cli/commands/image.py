"""`orchestrator image`: the agent image."""

import click

from orchestrator.cli.invocation import Verbs


@click.group(cls=Verbs)
def image() -> None:
    """Build, list and remove the agent image. The first launch builds it by itself."""
