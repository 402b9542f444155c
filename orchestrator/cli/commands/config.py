"""`orchestrator config`: the settings in force, where each comes from, and whether they are right."""

import json
from typing import Any

import click

from orchestrator.cli.invocation import Verbs, current
from orchestrator.cli.output import answer, print_json, table
from orchestrator.daemon.sizes import show_size


@click.group(cls=Verbs)
def config() -> None:
    """Show and check the settings."""


@config.command()
@click.option("--origin", is_flag=True, help="Where each value comes from.")
def show(*, origin: bool) -> None:
    """Print every setting with its value."""
    from orchestrator.daemon.settings import load_settings, origins, values  # noqa: PLC0415 - pydantic is slow to import

    home = current().home_path()
    found = values(load_settings(home))
    sources = origins(home) if origin else {}
    rows = [[key, _written(key, value), *([sources[key]] if origin else [])] for key, value in found.items()]
    document = {key: {"value": found[key], "origin": sources[key]} for key in found} if origin else found
    headings = ["SETTING", "VALUE", *(["ORIGIN"] if origin else [])]
    answer(document, lambda: table(headings, rows))


@config.command()
def path() -> None:
    """Print the data directory and the settings files.

    The files are those that are read, the strongest first.
    """
    from orchestrator.daemon.settings import files, user_file  # noqa: PLC0415 - as above

    home = current().home_path()
    read = [str(file) for file in files(home)]
    document = {"home": str(home), "files": read, "user_file": str(user_file())}
    answer(document, lambda: click.echo("\n".join([str(home), *read])))


@config.command()
def validate() -> None:
    """Read all settings and say whether they can be used.

    Exits 2 with the place of the first that cannot.
    """
    from orchestrator.daemon.roles import check_files  # noqa: PLC0415 - as above
    from orchestrator.daemon.settings import files, load_settings  # noqa: PLC0415 - as above

    home = current().home_path()
    check_files(load_settings(home).roles)
    read = [str(file) for file in files(home)]
    answer({"ok": True, "files": read}, lambda: click.echo(f"valid: {', '.join(read) or 'defaults only'}"))


@config.command()
def schema() -> None:
    """Print the JSON Schema of the settings."""
    from orchestrator.daemon.settings import Settings  # noqa: PLC0415 - as above

    print_json(Settings.model_json_schema())


def _written(key: str, value: Any) -> str:
    from orchestrator.daemon.sections import SIZES  # noqa: PLC0415 - as above

    if key.rpartition(".")[2] in SIZES and isinstance(value, int):
        return show_size(value)
    return value if isinstance(value, str) else json.dumps(value)
