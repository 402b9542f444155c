"""`orchestrator doctor`: what works here, and how to mend what does not."""

from typing import Any

import click

from orchestrator.cli.connect import client
from orchestrator.cli.invocation import Verb, current
from orchestrator.cli.output import answer, style
from orchestrator.client.answers import Check, DoctorAnswer
from orchestrator.core.errors import DataDirectoryMissing, Exit, OrchestratorError

_LOOKS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command(cls=Verb)
def doctor() -> int:
    """Check what works here.

    The engine, the image, the model, the disk, the event store, the records, and the walls of each live
    session; each finding with the way to mend it.
    """
    found = _examine()
    answer(found, lambda: _show(found["checks"]))
    return Exit.OK if found["ok"] else Exit.FAILED


def _examine() -> DoctorAnswer:
    """The daemon's findings; where it cannot be asked, that is the finding.

    A data directory that was named and is not there may be mistyped; the usual one is made.
    """
    home = Check(name="data directory", status="ok", detail=str(current().home_path()), fix="")
    try:
        found = client(makes=not current().names_home()).doctor()
    except DataDirectoryMissing as error:
        return DoctorAnswer(ok=False, checks=[_failed("data directory", error)])
    except OrchestratorError as error:
        return DoctorAnswer(ok=False, checks=[home, _failed("daemon", error)])
    return DoctorAnswer(ok=found["ok"], checks=[home, *found["checks"]])


def _failed(name: str, error: OrchestratorError) -> Check:
    return Check(name=name, status="fail", detail=error.message, fix=error.hint)


def _show(checks: list[Any]) -> None:
    for check in checks:
        mark = style(check["status"].ljust(4), fg=_LOOKS[check["status"]])
        click.echo(f"{mark}  {check['name']}: {check['detail']}")
        if check["fix"]:
            click.echo(f"      fix: {check['fix']}")
