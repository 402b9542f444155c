"""`orchestrator version`: this program's version, and that of codex it is made for."""

import click

from orchestrator import __version__
from orchestrator.cli.invocation import Verb
from orchestrator.cli.output import answer


@click.command(cls=Verb)
def version() -> None:
    """Print the version."""
    answer({"version": __version__}, lambda: click.echo(__version__))
