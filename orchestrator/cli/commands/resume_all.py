"""`orchestrator resume-all`: after a restart: what was found, what was done, what to type next."""

from typing import Any, cast

import click

from orchestrator.cli.connect import client
from orchestrator.cli.invocation import Verb, current
from orchestrator.cli.output import answer_or_plan, is_plan, style
from orchestrator.cli.progress import steps
from orchestrator.core.errors import Exit


@click.command("resume-all", cls=Verb)
@click.option("--dry-run", is_flag=True, help="Show what would be done.")
def resume_all(*, dry_run: bool) -> int:
    """Reattach to every session that should run.

    Starts and recreates what is gone; what runs is not restarted.
    """
    with steps() as say:
        found = client().resume_all(dry_run=dry_run, progress=say)
    answer_or_plan(found, _show)
    if dry_run:
        current().note("nothing was done: this is what would be (--dry-run)")
    if is_plan(found) or all(each["ok"] for each in cast("list[Any]", found)):
        return Exit.OK
    return Exit.FAILED


def _show(sessions: list[Any]) -> None:
    for each in sessions:
        verdict = style("ok", fg="green") if each["ok"] else style("failed", fg="red")
        click.echo(f"{each['role']} {each['session_id']}: {each['found']}; {each['action']}: {verdict}")
        if each["detail"]:
            click.echo(f"    {each['detail']}")
        if each["next"]:
            click.echo(f"    next: {each['next']}")
    if not sessions:
        click.echo("no session should be running")
