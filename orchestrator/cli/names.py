"""Completion of session names from the registry's files alone: no daemon is asked, none is started."""

import json
from collections.abc import Iterator
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from orchestrator.cli.invocation import Invocation


def complete_session(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Roles first, then ids; an id's help is its role."""
    found = sorted(_records(ctx.ensure_object(Invocation).home_path()))
    roles = [CompletionItem(role) for role in sorted({role for role, _ in found})]
    ids = [CompletionItem(session_id, help=role) for role, session_id in found]
    return [item for item in (*roles, *ids) if item.value.startswith(incomplete)]


def complete_role(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [item for item in complete_session(ctx, param, incomplete) if item.help is None]


def _records(home: Path) -> Iterator[tuple[str, str]]:
    """Role and id of each record that can be read; completion is no place to complain."""
    for path in (home / "registry").glob("*.json"):
        try:
            record = json.loads(path.read_bytes())
            yield str(record["role"]), str(record["session_id"])
        except (OSError, ValueError, KeyError, TypeError):
            continue


def session_argument(name: str = "session") -> click.Argument:
    return click.Argument([name], shell_complete=complete_session)
