"""Completion of names from the registry's and the settings' files alone: no daemon is asked or started."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from orchestrator.cli.invocation import Invocation
from orchestrator.daemon.home import find_settings_file


def complete_session(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Roles first, then ids; an id's help is its role."""
    found = sorted(_records(ctx.ensure_object(Invocation).home_path()))
    roles = [CompletionItem(role) for role in sorted({role for role, _ in found})]
    ids = [CompletionItem(session_id, help=role) for role, session_id in found]
    return [item for item in (*roles, *ids) if item.value.startswith(incomplete)]


def complete_role(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Roles of sessions, and those of the project's settings file."""
    home = ctx.ensure_object(Invocation).home_path()
    roles = {role for role, _ in _records(home)} | set(_tables(home))
    return [CompletionItem(role) for role in sorted(roles) if role.startswith(incomplete)]


def _tables(home: Path) -> list[str]:
    """The names in the tables `[roles.NAME]`, where the file can be read."""
    file = find_settings_file(home)
    try:
        roles = tomllib.loads(file.read_text()).get("roles") if file else None
    except (OSError, ValueError):
        return []
    return list(roles) if isinstance(roles, dict) else []


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
