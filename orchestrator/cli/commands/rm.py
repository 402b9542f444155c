"""`orchestrator rm`: remove a session with its container, record and events; its workspace stays."""

import sys

import click

from orchestrator.cli.connect import client
from orchestrator.cli.invocation import Verb, current
from orchestrator.cli.names import session_argument
from orchestrator.cli.output import answer_or_plan, tell
from orchestrator.client import Client
from orchestrator.core.errors import Exit


@click.command(cls=Verb, params=[session_argument()])
@click.option("-f", "--force", is_flag=True, help="Even if it runs; asks nothing.")
@click.option("-y", "--yes", is_flag=True, help="Ask nothing.")
@click.option("--purge", is_flag=True, help="Its whole folder too: workspace, log and transcript.")
@click.option("--dry-run", is_flag=True, help="Show what would be done.")
def rm(session: str, *, force: bool, yes: bool, purge: bool, dry_run: bool) -> int:
    """Remove a session. Its workspace, log and transcript stay, unless `--purge`."""
    daemon = client()
    asks = sys.stdin.isatty() and not (force or yes or dry_run or current().json)
    if asks and not _confirmed(daemon, session, "with its whole folder" if purge else "and its container"):
        current().note("nothing was removed")
        return Exit.FAILED
    done = daemon.remove(session, force=force, purge=purge, dry_run=dry_run)
    answer_or_plan(done, lambda one: tell(f"{one['session_id']} removed"))
    return Exit.OK


def _confirmed(daemon: Client, session: str, extent: str) -> bool:
    view = daemon.session(session)
    return click.confirm(f"Remove {view['role']} {view['session_id']} ({view['state']}) {extent}?", err=True)
