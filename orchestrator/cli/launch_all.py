"""`orchestrator launch --all`: every role of the settings, and what is up where that is cut off."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, cast

import click

from orchestrator.cli.connect import client
from orchestrator.cli.invocation import current
from orchestrator.cli.output import answer_or_plan, is_plan, style
from orchestrator.cli.progress import steps
from orchestrator.client import Client
from orchestrator.core.errors import Exit, OrchestratorError


def launch_all(options: Mapping[str, Any], *, dry_run: bool) -> int:
    """Launch all with these options; 1 where one is not up.

    Raises:
        click.Abort: on Ctrl-C, with what is up by then.
    """
    daemon = client(makes=True)
    roles: list[str] = []
    try:
        with steps(by_subject=True) as say:

            def hear(text: str) -> None:
                roles.append(text.partition(": ")[0])
                say(text)

            found = daemon.launch_all(options, dry_run=dry_run, progress=hear)
    except KeyboardInterrupt:
        if not roles:  # nothing was begun
            raise
        raise click.Abort(_cut_off(daemon, list(dict.fromkeys(roles)))) from None
    if is_plan(found):
        answer_or_plan(found, _show)
        return Exit.OK
    team = cast("list[Any]", found)
    for one in team:
        for warning in one["warnings"]:
            current().warn(f"{one['role']}: {warning}")
    answer_or_plan(team, _show)
    return Exit.OK if all(one["ok"] for one in team) else Exit.FAILED


def _cut_off(daemon: Client, roles: list[str]) -> str:
    """What is up. The daemon undoes the rest; it is asked once that is through."""
    try:
        up = await_undone(daemon, roles)
    except OrchestratorError as exc:
        return f"interrupted; what is up cannot be told: {exc.message}"
    names = ", ".join(f"{view['role']} ({view['session_id']})" for view in up) or "none of the roles"
    down = ", ".join(role for role in roles if role not in {view["role"] for view in up})
    return f"interrupted; up: {names}" + (f"; not up: {down}" if down else "")


def await_undone(daemon: Client, roles: Collection[str]) -> list[Any]:
    """The sessions of these roles that are up, once whatever else was begun of them is undone.

    Raises:
        OrchestratorError: the daemon does not say.
    """
    if not current().json:
        click.echo("\nundoing what is not up yet", err=True)
    return [v for v in replace(daemon, start=False).sessions() if v["role"] in roles and _up(daemon, v)]


def _up(daemon: Client, view: Mapping[str, Any]) -> bool:
    """A plan waits until nobody brings the session up or down any more, and is refused where it is gone."""
    try:
        daemon.interrupt(view["session_id"], dry_run=True)
    except OrchestratorError:
        return False
    return True


def _show(team: list[Any]) -> None:
    quiet = current().quiet
    if (reasons := [one["error"] for one in team]) and all(reasons) and reasons == reasons[:1] * len(team):
        _show_failed(", ".join(map(_named, team)), reasons[0])
        return
    for one in team:
        if one["ok"]:
            click.echo(one["session"]["session_id"] if quiet else f"{_named(one)}: {one['action']}")
            continue
        _show_failed(_named(one), one["error"])
    if any(one["ok"] for one in team):
        current().note('next: orchestrator ps   or: orchestrator send ROLE "…"')


def _named(one: Any) -> str:
    return f"{one['role']} {one['session']['session_id']}" if one["session"] else str(one["role"])


def _show_failed(who: str, error: Any) -> None:
    quiet = current().quiet
    click.echo(f"{who}: {style('failed', fg='red')}: {error['message']}", err=quiet)
    if error["hint"]:
        click.echo(f"    hint: {error['hint']}", err=quiet)
