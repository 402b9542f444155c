"""`orchestrator ps`: who works, waits, asks, idles."""

from typing import Any

import click

from orchestrator.cli.connect import client
from orchestrator.cli.invocation import Verb, current
from orchestrator.cli.output import age, answer, table
from orchestrator.cli.transcript import plain

_DOING_WIDTH = 60


@click.command(cls=Verb)
@click.option("-a", "--all", "everything", is_flag=True, help="Stopped and finished sessions too.")
def ps(*, everything: bool) -> None:
    """List the sessions and what each is doing."""
    sessions = client().sessions(everything=everything)
    answer(sessions, lambda: _show(sessions, everything=everything))


def _show(sessions: list[Any], *, everything: bool) -> None:
    headings = ("SESSION", "ROLE", "STATE", "SINCE", "DOING", "BRANCH", "QUEUED")
    table(headings, [_row(view) for view in sessions])
    if not sessions:
        more = "" if everything else "; `orchestrator ps --all` shows those that ended"
        current().note(f"no session runs{more}")
    if any(view["container_state"].startswith("unknown") for view in sessions):
        current().note("the engine does not answer: this is what was last known")


def _row(view: Any) -> tuple[str, ...]:
    doing = plain(view["doing"]).split("\n")[0]
    return (
        view["session_id"],
        view["role"],
        view["state"],
        age(view["age_s"]),
        doing[:_DOING_WIDTH] or "-",
        view["branch"] or "-",
        str(view["queued"]),
    )
