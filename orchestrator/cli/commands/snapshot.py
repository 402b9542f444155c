"""`orchestrator snapshot`: what is on a session's screen, and the last that it said."""

from typing import Any

import click

from orchestrator.cli.connect import client
from orchestrator.cli.invocation import Verb, current
from orchestrator.cli.kinds import Number
from orchestrator.cli.names import session_argument
from orchestrator.cli.output import answer, style
from orchestrator.cli.transcript import plain, render


@click.command(cls=Verb, params=[session_argument()])
@click.option("--lines", type=Number(0, 5000), metavar="N", help="So many events behind the screen (50).")
@click.option("--full", is_flag=True, help="The screen with its scroll-back.")
def snapshot(session: str, *, lines: int | None, full: bool) -> None:
    """Show a session's screen and its last events."""
    found = client().snapshot(session, lines=lines, full=full)
    answer(found, lambda: _show(found))


def _show(found: Any) -> None:
    click.echo(style(f"{found['role']} {found['session_id']} {found['state']}", bold=True))
    click.echo(plain(found["screen"]).rstrip("\n"))
    if found["screen_error"]:
        current().warn(f"the screen cannot be read: {plain(found['screen_error'])}")
    told = [text for text in (render(view, style) for view in found["transcript"]) if text]
    if told:
        click.echo(style("─" * 40, dim=True))
        click.echo("\n".join(told))
