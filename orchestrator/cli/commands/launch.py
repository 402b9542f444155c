"""`orchestrator launch`: a new session, and what is worth knowing about it at once."""

from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import click

from orchestrator.cli import kinds
from orchestrator.cli.connect import client
from orchestrator.cli.invocation import Verb, current
from orchestrator.cli.launch_all import await_undone, launch_all
from orchestrator.cli.names import complete_role
from orchestrator.cli.output import answer_or_plan, fields, is_plan
from orchestrator.cli.progress import steps
from orchestrator.cli.sender import sender
from orchestrator.cli.text_input import message
from orchestrator.client import Client
from orchestrator.core.errors import Exit, InvalidInput, OrchestratorError
from orchestrator.core.identity import check_role
from orchestrator.core.policies import Approval, Reasoning, Sandbox
from orchestrator.daemon.sizes import parse_size


@click.command(cls=Verb)
@click.argument("role", required=False, shell_complete=complete_role)
@click.argument("prompt", required=False)
@click.option(
    "--workspace",
    type=click.Path(),
    metavar="DIR",
    help="The directory that becomes /work; a new one if not given.",
)
@click.option("--model", callback=kinds.line, metavar="NAME", help="The model (setting: model.name).")
@click.option(
    "--reasoning", type=click.Choice([r.value for r in Reasoning]), help="How long the model thinks."
)
@click.option("--sandbox", type=click.Choice([s.value for s in Sandbox]), help="Codex's own sandbox.")
@click.option("--approval", type=click.Choice([a.value for a in Approval]), help="When codex asks first.")
@click.option("--image", callback=kinds.line, metavar="NAME", help="Another agent image.")
@click.option(
    "--secret",
    "secrets",
    multiple=True,
    metavar="NAME=FILE",
    help="A file for /run/secrets/NAME; repeatable.",
)
@click.option("--memory", metavar="SIZE", help="The container's memory, as 2g.")
@click.option("--cpus", callback=kinds.processors, metavar="N", help="The container's processors.")
@click.option("--pids", type=int, metavar="N", help="The container's processes.")
@click.option("--parent", callback=kinds.name, metavar="SESSION", help="The session that this one works for.")
@click.option(
    "--branch",
    callback=kinds.line,
    metavar="NAME",
    help="A branch; the agent works in a clone of --workspace then.",
)
@click.option(
    "--base-url",
    callback=kinds.line,
    metavar="URL",
    help="Where the model is served (setting: model.base_url).",
)
@click.option("--developer-instructions", metavar="TEXT", help="Instructions that stand above the prompt.")
@click.option(
    "--from",
    "from_",
    callback=kinds.name,
    metavar="NAME",
    help="Who sends the prompt (ORCHESTRATOR_SENDER, else your login).",
)
@click.option(
    "--all",
    "everyone",
    is_flag=True,
    help="Every role of the settings that has no live session; options hold for each.",
)
@click.option("--another", is_flag=True, help="Even if the role has a live session.")
@click.option("--dry-run", is_flag=True, help="Show what would be done.")
def launch(
    role: str | None, prompt: str | None, *, everyone: bool, another: bool, dry_run: bool, **options: Any
) -> int:
    """Start a session: a container with tmux and codex.

    PROMPT is its first message (`-`: stdin). With `-q` it prints the session's id alone. What the options
    do not say is as the role's table [roles.ROLE] in the settings says.
    """
    if everyone:
        if role is not None or another:
            raise _misused("`--all` goes with neither ROLE, PROMPT nor `--another`.")
        asked = {"from": sender(options.pop("from_")), **_request(options)}
        return launch_all(asked, dry_run=dry_run)
    if role is None:
        raise _misused("Missing argument 'ROLE'; or `--all`.")
    request = {"role": check_role(role), "from": sender(options.pop("from_")), **_request(options)}
    request["another"] = another
    if prompt is not None:
        request["prompt"] = message(prompt)
    here = current()
    daemon = client(makes=True)
    begun: list[str] = []
    try:
        with steps() as say:

            def hear(text: str) -> None:
                begun.append(text)
                say(text)

            view = daemon.launch(cast("Any", request), dry_run=dry_run, progress=hear)
    except KeyboardInterrupt:
        if not begun:
            raise
        raise click.Abort(_cut_off(daemon, role, another=another)) from None
    for warning in [] if is_plan(view) else cast("Any", view)["warnings"]:
        here.warn(warning)
    answer_or_plan(view, _show)
    return Exit.OK


def _cut_off(daemon: Client, role: str, *, another: bool) -> str:
    """What became of a launch under Ctrl-C; of one among several of the role that cannot be told here."""
    try:
        up = await_undone(daemon, {role})
    except OrchestratorError as exc:
        return f"interrupted; whether {role} is up cannot be told: {exc.message}"
    if another:
        return "interrupted; `orchestrator ps` tells what is up"
    return f"interrupted; {role} ({up[0]['session_id']}) is up" if up else f"interrupted; {role} is not up"


def _misused(what: str) -> click.UsageError:
    return click.UsageError(what, click.get_current_context())


def _request(options: dict[str, Any]) -> dict[str, Any]:
    """The options that were given, as the daemon takes them: absolute paths, bytes, no None."""
    given = {name: value for name, value in options.items() if value not in (None, ())}
    if "workspace" in given:
        given["workspace"] = str(Path(given["workspace"]).expanduser().resolve())
    if "base_url" in given:
        given["base_url"] = _url(given["base_url"])
    if "memory" in given:
        given["memory"] = parse_size(given["memory"])
    given["secrets"] = dict(_secret(pair) for pair in given.get("secrets", ()))
    return given


def _url(address: str) -> str:
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise InvalidInput(f"{address!r} is no address of a model", hint="write it like http://model:8080/v1")
    return address


def _secret(pair: str) -> tuple[str, str]:
    name, equals, path = pair.partition("=")
    if not (name and equals and path):
        raise InvalidInput(f"{pair!r} is not NAME=FILE", hint="--secret token=~/.config/token")
    file = Path(path).expanduser().absolute()
    if not file.is_file():
        raise InvalidInput(f"the secret {name} has no file {file}")
    return name, str(file)


def _show(view: Any) -> None:
    if current().quiet:
        click.echo(view["session_id"])
        return
    fields(
        [
            ("session", view["session_id"]),
            ("role", view["role"]),
            ("state", view["state"]),
            ("prompt", f"queued, message {view['message_id']}" if view["message_id"] else ""),
            ("container", view["container_name"]),
            ("branch", view["branch"]),
            ("workspace", view["workspace"]),
        ]
    )
    current().note(f'next: orchestrator send {view["role"]} "…"   or: orchestrator attach {view["role"]}')
