"""`orchestrator registry`: look after the records of what exists."""

from typing import Any

import click

from orchestrator.cli.connect import client
from orchestrator.cli.invocation import Verbs
from orchestrator.cli.output import answer, answer_or_plan
from orchestrator.core.errors import Exit


@click.group(cls=Verbs)
def registry() -> None:
    """Verify the records of the sessions, or rebuild them."""


@registry.command()
def verify() -> int:
    """Read every record; exit 1 if one is broken or missing."""
    found = client().verify_registry()
    answer(found, lambda: _show_verified(found))
    return Exit.FAILED if found["broken"] or found["missing"] else Exit.OK


@registry.command()
@click.option("--dry-run", is_flag=True, help="Show what would be done.")
def rebuild(*, dry_run: bool) -> None:
    """Rebuild records from the containers' labels.

    Broken ones are set aside, missing ones written anew.
    """
    done = client().rebuild_registry(dry_run=dry_run)
    answer_or_plan(done, _show_rebuilt)


def _show_verified(found: Any) -> None:
    for record in found["broken"]:
        click.echo(f"broken: {record['path']}: {record['reason']}")
    for session_id in found["missing"]:
        click.echo(f"missing: {session_id} has a container and no record")
    click.echo(f"{found['sessions']} records can be read, {len(found['broken'])} cannot")


def _show_rebuilt(done: Any) -> None:
    for path in done["set_aside"]:
        click.echo(f"set aside: {path}")
    click.echo(f"rebuilt: {', '.join(done['rebuilt']) or 'nothing was missing'}")
