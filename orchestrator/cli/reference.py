"""The reference pages that are made from the code: every command with its help, every setting.

`python -m orchestrator.cli.reference docs/reference` writes them.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from orchestrator.cli.invocation import common_options
from orchestrator.cli.lazy import ALIASES, VERBS
from orchestrator.cli.root import cli
from orchestrator.daemon.sections import Role, RoleName
from orchestrator.daemon.settings import Settings, variable

_MADE = "<!-- made by `just reference` from the code; do not edit -->"


def pages() -> dict[str, str]:
    """The text of every page by its file name."""
    return {"commands.md": commands_page(), "settings.md": settings_page()}


def commands_page() -> str:
    shared = _options(common_options())
    parts = [
        f"# Command reference\n\n{_MADE}\n",
        "What each says of itself with `--help`. The [guide](../guide/commands.md) tells how to use them.\n",
        f"## Options of every command\n\n{shared}\n",
    ]
    common = {name for option in common_options() for name in option.opts}
    for path, command in _leaves():
        own = [p for p in command.params if isinstance(p, click.Option) and not set(p.opts) & common]
        usage = " ".join(["orchestrator", path, *command.collect_usage_pieces(click.Context(command))])
        parts.append(f"## {path}\n\n    {usage}\n\n{_help(command)}\n\n{_options(own)}".rstrip() + "\n")
    words = ", ".join(f"`{word}` for `{verb}`" for word, verb in ALIASES.items())
    parts.append(f"## Other words for them\n\nThese are taken, too: {words}.\n")
    return "\n".join(parts)


def _leaves() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(cli)
    for verb in VERBS:
        command = cli.get_command(context, verb)
        if isinstance(command, click.Group):
            yield from ((f"{verb} {n}", each) for n, each in command.commands.items() if not each.hidden)
        elif command is not None:
            yield verb, command


def _help(command: click.Command) -> str:
    return "\n".join(line.strip() for line in (command.help or "").replace("\b", "").strip().splitlines())


def _options(options: list[click.Option]) -> str:
    context = click.Context(click.Command("orchestrator"))
    records = [record for option in options if (record := option.get_help_record(context))]
    if not records:
        return ""
    rows = [f"| `{_cell(names)}` | {_cell(meaning)} |" for names, meaning in records]
    return "\n".join(["| option | meaning |", "| --- | --- |", *rows])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def settings_page() -> str:
    rows = [
        f"| `{key}` | `{variable(key)}` | {_default(field)} | {_cell(field.description or '')} |"
        for key, field in _fields(Settings)
    ]
    return (
        f"# Settings reference\n\n{_MADE}\n\n"
        "Where a value comes from is told in [settings](../settings.md); the JSON Schema is\n"
        "[settings.json](schemas/settings.json).\n\n"
        "| setting | variable | default | meaning |\n| --- | --- | --- | --- |\n" + "\n".join(rows) + "\n"
    )


def _fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        kind: Any = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _fields(kind, f"{prefix}{name}.")
            continue
        yield prefix + name, field
        if field.annotation == dict[RoleName, Role]:
            yield from _fields(Role, f"{prefix}{name}.NAME.")


def _default(field: FieldInfo) -> str:
    return f"`{field.default}`" if field.default not in ("", None, {}) else ""


def main(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (directory / name).write_text(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
