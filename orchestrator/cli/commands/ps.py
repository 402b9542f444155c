"""`orchestrator ps`: who works, waits, asks, idles."""

from typing import Any

import click

from orchestrator.cli.connect import client
from orchestrator.cli.invocation import Verb, current
from orchestrator.cli.output import PAUSED, age, answer, table_or_names
from orchestrator.cli.transcript import inner, plain

_DOING_WIDTH = 60
_WOKEN_BY = "its container is paused; `orchestrator resume-all` wakes it"


@click.command(cls=Verb)
@click.option("-a", "--all", "everything", is_flag=True, help="Stopped and finished sessions too.")
def ps(*, everything: bool) -> None:
    """List the sessions and what each is doing; with `-q` their ids alone."""
    found = client().listing(everything=everything)
    answer(found.sessions, lambda: _show(found.sessions, everything=everything))
    if found.unreadable:
        what = "a record" if found.unreadable == 1 else f"{found.unreadable} records"
        which = "it" if found.unreadable == 1 else "them"
        current().warn(f"{what} cannot be read; `orchestrator registry verify` names {which}")


def _show(sessions: list[Any], *, everything: bool) -> None:
    headings = ("SESSION", "ROLE", "STATE", "SINCE", "DOING", "BRANCH", "QUEUED")
    table_or_names(headings, [_row(view) for view in sessions], cut=("BRANCH", "DOING", "QUEUED", "SESSION"))
    if not sessions:
        more = "" if everything else "; `orchestrator ps --all` shows those that ended"
        current().note(f"no session runs{more}")
    if any(view["container_state"].startswith("unknown") for view in sessions):
        current().warn("the engine does not answer: this is what was last known")


def _row(view: Any) -> tuple[str, ...]:
    paused = view["container_state"] == PAUSED
    doing = _WOKEN_BY if paused else plain(inner(view["doing"])).split("\n")[0]
    return (
        view["session_id"],
        view["role"],
        PAUSED if paused else view["state"],
        age(None if paused else view["age_s"]),
        doing[:_DOING_WIDTH] or "-",
        view["branch"] or "-",
        str(view["queued"]),
    )
