"""Where a setting's value comes from, and how a wrong one is told."""

import os
from pathlib import Path

import pytest

from orchestrator.core.errors import SettingsInvalid
from orchestrator.core.policies import Approval, Reasoning
from orchestrator.daemon.settings import DEFAULT, FLAG, load_settings, origins, user_file, values, variable


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("ORCHESTRATOR_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_without_files_every_setting_has_its_default(tmp_path: Path) -> None:
    """The defaults alone make a working whole."""
    settings = load_settings(tmp_path)
    assert settings.runtime == "docker"
    assert settings.agent.memory == 2 * 1024**3
    assert set(origins(tmp_path).values()) == {DEFAULT}


def test_each_source_beats_the_ones_behind_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flags > environment > project file > user's file > defaults, leaf by leaf."""
    user = write(
        user_file(),
        '[model]\nname = "user"\nreasoning = "low"\nbase_url = "http://user"\n[agent]\ncpus = 1\n',
    )
    project = write(
        tmp_path / "orchestrator.toml",
        '[model]\nname = "project"\nreasoning = "high"\nbase_url = "http://p"\n',
    )
    monkeypatch.setenv("ORCHESTRATOR_MODEL__NAME", "environment")
    monkeypatch.setenv("ORCHESTRATOR_MODEL__REASONING", "minimal")
    flags = {"model": {"name": "flag"}}

    settings, found = load_settings(tmp_path, flags), origins(tmp_path, flags)

    assert (settings.model.name, found["model.name"]) == ("flag", FLAG)
    assert (settings.model.reasoning, found["model.reasoning"]) == (
        Reasoning.MINIMAL,
        "ORCHESTRATOR_MODEL__REASONING",
    )
    assert (settings.model.base_url, found["model.base_url"]) == ("http://p", str(project))
    assert (settings.agent.cpus, found["agent.cpus"]) == (1.0, str(user))
    assert (settings.agent.pids, found["agent.pids"]) == (512, DEFAULT)


def test_every_setting_can_come_from_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of a variable follows from that of its setting."""
    wanted = {
        "runtime": "dry",
        "agent.approval": "on-request",
        "agent.memory": "512m",
        "engine.host": "unix:///x",
    }
    for key, value in wanted.items():
        monkeypatch.setenv(variable(key), value)
    settings = load_settings(tmp_path)
    assert settings.runtime == "dry"
    assert settings.agent.approval is Approval.ON_REQUEST
    assert settings.agent.memory == 512 * 1024**2
    assert settings.engine.host == "unix:///x"


def test_the_project_file_is_found_above_the_home(tmp_path: Path) -> None:
    """A data directory inside a project has the project's settings."""
    write(tmp_path / "orchestrator.toml", 'runtime = "dry"\n')
    (tmp_path / "data").mkdir()
    assert load_settings(tmp_path / "data").runtime == "dry"


def test_an_empty_variable_is_as_good_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`ORCHESTRATOR_MODEL__REASONING=` unsets nothing and breaks nothing."""
    monkeypatch.setenv("ORCHESTRATOR_MODEL__REASONING", "")
    assert load_settings(tmp_path).model.reasoning is None


def test_other_variables_of_ours_are_no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The home and the sender are told by variables with the same prefix."""
    monkeypatch.setenv("ORCHESTRATOR_HOME", str(tmp_path))
    monkeypatch.setenv("ORCHESTRATOR_SENDER", "ci")
    load_settings(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[model]\ntitle = 'x'\n", "model.title: there is no such setting"),
        ("models = 1\n", "models: there is no such setting"),
        ("[agent]\nmemory = 'lots'\n", "agent.memory: 'lots' is no amount of memory"),
        ("[agent]\npids = 0\n", "agent.pids: "),
        ("[agent]\napproval = 'always'\n", "agent.approval: "),
        ("[engine]\nhost = 'localhost'\n", "engine.host: begins with one of unix://"),
        ("model = 'x'\n", "model: "),
    ],
)
def test_a_wrong_value_names_its_file_and_its_key(tmp_path: Path, text: str, said: str) -> None:
    """One line says where to look and what is wrong."""
    path = write(tmp_path / "orchestrator.toml", text)
    with pytest.raises(SettingsInvalid) as caught:
        load_settings(tmp_path)
    assert caught.value.message.startswith(f"{path}: {said}")
    assert "\n" not in caught.value.message


def test_a_syntax_error_names_its_file_and_line(tmp_path: Path) -> None:
    """TOML that cannot be read is told with its place."""
    path = write(tmp_path / "orchestrator.toml", 'runtime = "dry"\n[model\n')
    with pytest.raises(SettingsInvalid, match="at line 2") as caught:
        load_settings(tmp_path)
    assert str(path) in caught.value.message


def test_a_file_that_is_not_text_is_told_by_name(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are an input error too."""
    path = tmp_path / "orchestrator.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsInvalid, match=r"orchestrator\.toml is not TOML"):
        load_settings(tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (
            "ORCHESTRATOR_MODEL__TITLE",
            "x",
            "ORCHESTRATOR_MODEL__TITLE: model.title: there is no such setting",
        ),
        ("ORCHESTRATOR_MODELS__NAME", "x", "ORCHESTRATOR_MODELS__NAME: there is no section `models`"),
        ("ORCHESTRATOR_AGENT__CPUS", "many", "ORCHESTRATOR_AGENT__CPUS: agent.cpus: "),
        ("ORCHESTRATOR_MODEL", "x", "the environment cannot be read"),
    ],
)
def test_a_wrong_variable_is_told_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    """The environment is answered for like a file."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsInvalid) as caught:
        load_settings(tmp_path)
    assert caught.value.message.startswith(said)


def test_values_and_origins_name_the_same_settings(tmp_path: Path) -> None:
    """Whatever `config show` lists has an origin."""
    assert values(load_settings(tmp_path)).keys() == origins(tmp_path).keys()


def test_a_models_address_is_one_wherever_it_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no http or https URL is refused with its place, not met by the first turn."""
    monkeypatch.setenv("ORCHESTRATOR_MODEL__BASE_URL", "nope")
    with pytest.raises(SettingsInvalid, match=r"ORCHESTRATOR_MODEL__BASE_URL: model.base_url: .*http"):
        load_settings(tmp_path)
    monkeypatch.delenv("ORCHESTRATOR_MODEL__BASE_URL")
    write(tmp_path / "orchestrator.toml", '[model]\nbase_url = "ftp://host/v1"\n')
    with pytest.raises(SettingsInvalid, match=r"orchestrator.toml: model.base_url: .*http"):
        load_settings(tmp_path)
