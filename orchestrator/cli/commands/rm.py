"""`orchestrator rm`: remove a session with its container and record."""

import sys

import click

from orchestrator.cli.connect import client
from orchestrator.cli.invocation import Verb, current
from orchestrator.cli.names import session_argument
from orchestrator.cli.output import answer_or_plan
from orchestrator.client import Client


@click.command(cls=Verb, params=[session_argument()])
@click.option("-f", "--force", is_flag=True, help="Even if it runs; asks nothing.")
@click.option("-y", "--yes", is_flag=True, help="Ask nothing.")
@click.option("--dry-run", is_flag=True, help="Show what would be done.")
def rm(session: str, *, force: bool, yes: bool, dry_run: bool) -> None:
    """Remove a session and all that belongs to it."""
    daemon = client()
    if not (force or yes or dry_run or current().json) and sys.stdin.isatty():
        _confirm(daemon, session)
    done = daemon.remove(session, force=force, dry_run=dry_run)
    answer_or_plan(done, lambda one: click.echo(f"{one['session_id']} removed"))


def _confirm(daemon: Client, session: str) -> None:
    view = daemon.session(session)
    click.confirm(
        f"Remove {view['role']} {view['session_id']} ({view['state']}) with its files?", abort=True, err=True
    )
