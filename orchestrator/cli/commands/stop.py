"""`orchestrator stop`: end a session's container in good order; `resume-all` leaves it alone then."""

import click

from orchestrator.cli.connect import client
from orchestrator.cli.invocation import Verb
from orchestrator.cli.names import session_argument
from orchestrator.cli.output import answer_or_plan, tell


@click.command(cls=Verb, params=[session_argument()])
@click.option("--dry-run", is_flag=True, help="Show what would be done.")
def stop(session: str, *, dry_run: bool) -> None:
    """Stop a session. Its history, files and thread stay; stopping it again is no error."""
    done = client().stop(session, dry_run=dry_run)
    answer_or_plan(
        done, lambda one: tell(f"{one['session_id']} {one['state']}"), nothing="it is stopped already"
    )
