"""The documents cover the code: commands, options, settings, error codes, schemas."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from orchestrator.cli.invocation import common_options
from orchestrator.cli.lazy import VERBS
from orchestrator.cli.root import cli
from orchestrator.cli.schemas import DOCUMENTS, schemas
from orchestrator.core.errors import Exit, leaves
from orchestrator.daemon.settings import flatten, load_settings, values

DOCS = Path(__file__).parents[3] / "docs"


def command(verb: str) -> click.Command:
    found = cli.get_command(click.Context(cli), verb)
    assert found is not None
    return found


def leafs(verb: str) -> Iterator[tuple[str, click.Command]]:
    found = command(verb)
    if isinstance(found, click.Group):
        yield from ((f"{verb} {name}", each) for name, each in found.commands.items() if not each.hidden)
    else:
        yield verb, found


def section(verb: str) -> str:
    text = (DOCS / "guide" / "commands.md").read_text()
    assert f"\n## {verb}\n" in text
    return text.split(f"\n## {verb}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_and_option_is_in_the_guide(verb: str) -> None:
    """A verb has a section that names its sub-commands and its own options."""
    text = section(verb)
    common = {name for option in common_options() for name in option.opts} | {"--dry-run", "--help"}
    for name, each in leafs(verb):
        assert f"`{name}" in text or f"orchestrator {name}" in text or name == "version"
        for param in each.params:
            if isinstance(param, click.Option) and not set(param.opts) & common:
                assert any(f"`{option}" in text for option in param.opts), (name, param.opts)


@pytest.mark.parametrize("verb", VERBS)
def test_every_answer_has_a_schema(verb: str) -> None:
    """A program can look up what `--json` prints."""
    for name, _ in leafs(verb):
        assert name.replace(" ", "-") in DOCUMENTS


def test_the_committed_schemas_are_fresh() -> None:
    """`just schemas` was run after the last change of a shape."""
    committed = {path.stem: path.read_text() for path in (DOCS / "reference" / "schemas").glob("*.json")}
    assert committed == schemas()


@pytest.mark.parametrize("code", sorted(leaves()))
def test_every_error_code_is_documented_with_its_numbers(code: str) -> None:
    """The table has the exit code and the HTTP status that the class has."""
    kind = leaves()[code]
    line = f"| `{code}` | {int(kind.exit_status)} | {kind.http_status} |"
    assert line in (DOCS / "guide" / "exit-codes.md").read_text()


@pytest.mark.parametrize("status", list(Exit))
def test_every_exit_code_is_documented(status: Exit) -> None:
    """The first table of the page has them all."""
    assert f"\n| {int(status)} | " in (DOCS / "guide" / "exit-codes.md").read_text()


def test_every_setting_is_documented_with_its_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page lists exactly the settings there are."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    rows = [line for line in (DOCS / "settings.md").read_text().splitlines() if line.startswith("| `")]
    documented = {row.split("`")[1]: row.split("|")[2].strip(" `") for row in rows}
    actual = values(load_settings(tmp_path))
    assert documented.keys() == actual.keys()
    shown = {key: "2g" if key == "agent.memory" else str(value or "") for key, value in actual.items()}
    assert {k: float(v) if v.replace(".", "").isdigit() else v for k, v in documented.items()} == {
        k: float(v) if v.replace(".", "").isdigit() else v for k, v in shown.items()
    }


def test_every_setting_has_a_description_in_the_schema() -> None:
    """`config schema` explains each value."""
    schema = schemas()["settings"]
    assert schema.count('"description"') >= len(flatten(load_settings(Path("/")).model_dump()))
