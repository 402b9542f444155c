"""The settings file that `orchestrator init` writes: it loads, and it shows every setting there is."""

import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from orchestrator.daemon.sections import Agent, Engine, Model, Role, Send
from orchestrator.daemon.settings import Settings, load_settings, values
from orchestrator.daemon.starter import ROLES, settings_text

#: Of these there is no default to be shown, but an example.
EXAMPLES = {"model.reasoning": "medium"}


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("ORCHESTRATOR_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def loaded(home: Path, text: str) -> Settings:
    (home / "orchestrator.toml").write_text(text)
    return load_settings(home)


def uncommented(text: str) -> str:
    return re.sub(r"^# ?", "", text, flags=re.MULTILINE)


def general(settings: Settings) -> dict[str, Any]:
    return {key: value for key, value in values(settings).items() if not key.startswith("roles")}


def test_as_it_is_it_sets_two_roles_and_nothing_else(tmp_path: Path) -> None:
    """One writes on a branch of its own; the other may only read."""
    defaults = general(load_settings(tmp_path))
    settings = loaded(tmp_path, settings_text("."))
    assert general(settings) == defaults
    assert list(settings.roles) == list(ROLES) == ["implementer", "reviewer"]
    implementer, reviewer = settings.roles.values()
    assert (implementer.workspace, implementer.branch) == (str(tmp_path), "agents/implementer")
    assert implementer.sandbox is None
    assert (reviewer.branch, reviewer.sandbox) == ("agents/reviewer", "read-only")


def test_without_a_repository_the_roles_name_no_place(tmp_path: Path) -> None:
    """Each session gets a repository of its own then."""
    settings = loaded(tmp_path, settings_text(None))
    assert {(role.workspace, role.branch) for role in settings.roles.values()} == {("", "")}


@pytest.mark.parametrize("repository", [".", "..", None])
def test_with_every_comment_uncommented_it_loads_and_every_setting_is_what_was_shown(
    tmp_path: Path, repository: str | None
) -> None:
    """Whatever is a comment is a setting with its default, an example of one, or a remark."""
    defaults = general(load_settings(tmp_path))
    text = uncommented(settings_text(repository))
    settings = loaded(tmp_path, text)
    assert general(settings) == defaults | EXAMPLES
    written = tomllib.loads(text)
    shown = {f"{s}.{key}" for s in ("model", "agent", "engine", "send") for key in written[s]} | {"runtime"}
    assert shown == defaults.keys() - {"roles"}
    assert set(written["roles"]["implementer"]) | {"instructions_file"} == set(Role.model_fields)


def test_every_setting_stands_beside_its_meaning() -> None:
    """The descriptions are the model's own, and so is that of a key without an example."""
    lines = settings_text(".").splitlines()
    for section in (Settings, Model, Agent, Engine, Send):
        for name, field in section.model_fields.items():
            if field.description and name != "roles":
                assert any(
                    line.startswith(f"# {name} = ") and line.endswith(f"  # {field.description}")
                    for line in lines
                ), name
    assert any(line.startswith("## instructions_file: ") for line in lines)
