"""`orchestrator interrupt`: end the turn that runs; the session stays."""

from typing import Any

import click

from orchestrator.cli.connect import client
from orchestrator.cli.invocation import Verb
from orchestrator.cli.names import session_argument
from orchestrator.cli.output import answer_or_plan


@click.command(cls=Verb, params=[session_argument()])
@click.option("--dry-run", is_flag=True, help="Show what would be done.")
def interrupt(session: str, *, dry_run: bool) -> None:
    """Interrupt the turn that a session works on.

    Without a turn nothing happens.
    """
    done = client().interrupt(session, dry_run=dry_run)
    answer_or_plan(done, _show, nothing="there is no turn to interrupt")


def _show(done: Any) -> None:
    said = "interrupted" if done["interrupted"] else "had no turn to interrupt"
    click.echo(f"{done['session_id']} {said}")
