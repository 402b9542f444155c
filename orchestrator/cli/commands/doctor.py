"""`orchestrator doctor`: what works here, and how to mend what does not."""

from typing import Any

import click

from orchestrator.cli.connect import client
from orchestrator.cli.invocation import Verb, current
from orchestrator.cli.output import answer, style
from orchestrator.client.answers import Check, DoctorAnswer
from orchestrator.core.errors import Exit, OrchestratorError

_LOOKS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command(cls=Verb)
def doctor() -> int:
    """Check what works here.

    The engine, the disk, the event store, the records, and the walls of each live session; each finding
    with the way to mend it.
    """
    found = _examine()
    answer(found, lambda: _show(found["checks"]))
    return Exit.OK if found["ok"] else Exit.FAILED


def _examine() -> DoctorAnswer:
    """The daemon's findings; where it cannot be asked, that is the finding."""
    home = Check(name="data directory", status="ok", detail=str(current().home_path()), fix="")
    try:
        found = client().doctor()
    except OrchestratorError as error:
        daemon = Check(name="daemon", status="fail", detail=error.message, fix=error.hint)
        return DoctorAnswer(ok=False, checks=[home, daemon])
    return DoctorAnswer(ok=found["ok"], checks=[home, *found["checks"]])


def _show(checks: list[Any]) -> None:
    for check in checks:
        mark = style(check["status"].ljust(4), fg=_LOOKS[check["status"]])
        click.echo(f"{mark}  {check['name']}: {check['detail']}")
        if check["fix"]:
            click.echo(f"      fix: {check['fix']}")
