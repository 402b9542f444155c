"""`orchestrator status`: everything known about one session, with the source and age of each claim."""

from typing import Any

import click

from orchestrator.cli.connect import client
from orchestrator.cli.invocation import Verb
from orchestrator.cli.names import session_argument
from orchestrator.cli.output import PAUSED, age, answer, fields, style
from orchestrator.cli.transcript import inner, plain


@click.command(cls=Verb, params=[session_argument()])
def status(session: str) -> None:
    """Show one session in full.

    What it does, which event says so and how old that is, its container, policies and walls.
    """
    view = client().session(session)
    answer(view, lambda: _show(view))


def _show(view: Any) -> None:
    fields(
        [
            ("session", f"{view['session_id']} ({view['role']})"),
            ("state", _state(view)),
            ("doing", plain(inner(view["doing"]))),
            ("turn", view["turn_id"]),
            ("queued", str(view["queued"])),
            ("desired", view["desired"]),
            ("container", f"{view['container_name']} {view['container_state']}"),
            ("image", view["image"]),
            ("thread", view["thread_id"]),
            ("workspace", view["workspace"]),
            ("branch", view["branch"]),
            ("parent", view["parent"]),
            ("model", " ".join(filter(None, [view["model"], view["reasoning"]]))),
            ("policies", f"sandbox {view['sandbox']}, approval {view['approval']}"),
            ("created", view["created_at"]),
            *((f"wall: {name}", _wall(value)) for name, value in view["walls"].items()),
        ]
    )
    for warning in view["warnings"]:
        click.echo(style(f"warning: {warning}", fg="yellow"))


def _state(view: Any) -> str:
    """Codex's last state is no news of a session whose container sleeps."""
    known = f"{view['state']} for {age(view['age_s'])}, says {view['source']}"
    return f"{PAUSED}; before that {known}" if view["container_state"] == PAUSED else known


def _wall(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_wall(part)}" for name, part in value.items())
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
