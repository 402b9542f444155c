"""The tables `[roles.NAME]`: what they may hold, where their paths begin, and how a wrong one is told."""

import os
from pathlib import Path

import pytest

from orchestrator.core.errors import SettingsInvalid
from orchestrator.core.policies import Reasoning, Sandbox
from orchestrator.daemon.roles import table
from orchestrator.daemon.sections import Role
from orchestrator.daemon.settings import load_settings, origins, user_file, values


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("ORCHESTRATOR_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path / "person"))


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_role_has_what_launch_takes(tmp_path: Path) -> None:
    """Each value has its type; what is not set is not there."""
    write(
        tmp_path / "orchestrator.toml",
        '[roles.reviewer]\nmodel = "m"\nreasoning = "high"\nsandbox = "read-only"\nmemory = "1g"\n'
        'cpus = 1.5\npids = 100\nbranch = "review"\ndescription = "Looks."\n[roles.builder]\n',
    )
    roles = load_settings(tmp_path).roles
    assert list(roles) == ["reviewer", "builder"]
    found = roles["reviewer"]
    assert (found.model, found.reasoning, found.sandbox) == ("m", Reasoning.HIGH, Sandbox.READ_ONLY)
    assert (found.memory, found.cpus, found.pids) == (1024**3, 1.5, 100)
    assert roles["builder"] == Role()


def test_a_roles_paths_begin_at_the_file_that_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The project's file, the user's, and for a variable the data directory; `~` is the user's home."""
    data = tmp_path / "project" / "data"
    data.mkdir(parents=True)
    write(
        tmp_path / "project" / "orchestrator.toml",
        '[roles.a]\nworkspace = "."\ninstructions_file = "../notes/a.md"\n'
        'secrets = { key = "~/key", other = "/abs" }\n',
    )
    write(user_file(), '[roles.b]\nworkspace = "sub"\n')
    monkeypatch.setenv("ORCHESTRATOR_ROLES__C__WORKSPACE", "here")
    roles = load_settings(data).roles
    assert roles["a"].workspace == str(tmp_path / "project")
    assert roles["a"].instructions_file == str(tmp_path / "notes" / "a.md")
    assert roles["a"].secrets == {"key": str(tmp_path / "person" / "key"), "other": "/abs"}
    assert roles["b"].workspace == str(user_file().parent / "sub")
    assert roles["c"].workspace == str(data / "here")


def test_a_role_is_put_together_from_all_sources_key_by_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And every key that is set has its origin; a role that sets nothing is still shown."""
    user = write(user_file(), '[roles.a]\nmodel = "user"\nbranch = "b"\n')
    project = write(tmp_path / "orchestrator.toml", '[roles.a]\nmodel = "project"\npids = 64\n[roles.z]\n')
    monkeypatch.setenv("ORCHESTRATOR_ROLES__A__PIDS", "99")
    settings, found = load_settings(tmp_path), origins(tmp_path)
    shown = {key: value for key, value in values(settings).items() if key.startswith("roles")}
    assert shown == {"roles.a.model": "project", "roles.a.branch": "b", "roles.a.pids": 99, "roles.z": {}}
    assert {key: found[key] for key in shown} == {
        "roles.a.model": str(project),
        "roles.a.branch": str(user),
        "roles.a.pids": "ORCHESTRATOR_ROLES__A__PIDS",
        "roles.z": str(project),
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[roles.Bad]\n", "roles.Bad: 'Bad' cannot name a role: use 1 to 32 lower-case"),
        ('[roles."a.b"]\nmodel = "m"\n', "roles.a.b: 'a.b' cannot name a role"),
        ("[roles.a]\ntitle = 'm'\n", "roles.a.title: there is no such setting"),
        ("[roles.a]\nprompt = 'm'\n", "roles.a.prompt: there is no such setting"),
        ("[roles.a]\nmemory = 'lots'\n", "roles.a.memory: 'lots' is no amount of memory"),
        ("[roles.a]\nmemory = '1m'\n", "roles.a.memory: 1,048,576 bytes of memory are too few"),
        ("[roles.a]\ncpus = 0\n", "roles.a.cpus: 0 processors are too few"),
        ("[roles.a]\ncpus = 'two'\n", "roles.a.cpus: "),
        ("[roles.a]\npids = 1\n", "roles.a.pids: 1 processes are too few"),
        ("[roles.a]\nbranch = 'a..b'\n", "roles.a.branch: 'a..b' cannot name a branch"),
        ("[roles.a]\nsecrets = { '-x' = '/key' }\n", "roles.a.secrets.-x: '-x' cannot name a secret"),
        ("[roles.a]\nsandbox = 'none'\n", "roles.a.sandbox: "),
        ("[roles.a]\nbase_url = 'nope'\n", "roles.a.base_url: is an address like http"),
        ('[roles.a]\nmodel = "two\\nlines"\n', "roles.a.model: must be one line"),
        ("[roles.a]\nworkspace = 1\n", "roles.a.workspace: "),
        ("[roles.a]\nsecrets = { key = 1 }\n", "roles.a.secrets.key: "),
        ("[roles.a]\nsecrets = ['key']\n", "roles.a.secrets: it is a table of settings"),
        ("roles = 1\n", "roles: it is a table of settings"),
        ("roles.a = 1\n", "roles.a: it is a table of settings"),
        (
            "[roles.a]\ndeveloper_instructions = 'x'\ninstructions_file = 'y'\n",
            "roles.a: developer_instructions and instructions_file exclude each other",
        ),
    ],
)
def test_a_wrong_role_names_its_file_table_and_key(tmp_path: Path, text: str, said: str) -> None:
    """One line says where to look and what is wrong."""
    path = write(tmp_path / "orchestrator.toml", text)
    with pytest.raises(SettingsInvalid) as caught:
        load_settings(tmp_path)
    assert caught.value.message.startswith(f"{path}: {said}")
    assert "\n" not in caught.value.message


def test_a_wrong_role_in_the_environment_names_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As any other setting does."""
    monkeypatch.setenv("ORCHESTRATOR_ROLES__A__PIDS", "many")
    with pytest.raises(SettingsInvalid, match=r"^ORCHESTRATOR_ROLES__A__PIDS: roles\.a\.pids: "):
        load_settings(tmp_path)


def test_a_roles_instructions_are_those_in_its_file_at_that_moment(tmp_path: Path) -> None:
    """Each look reads it anew; a role without a table sets nothing."""
    file = write(tmp_path / "a.md", "Be brief.\n")
    roles = {"a": Role(instructions_file=str(file))}
    assert table(roles, "a").developer_instructions == "Be brief.\n"
    file.write_text("Be thorough.\n")
    assert table(roles, "a").developer_instructions == "Be thorough.\n"
    assert table(roles, "b") == Role()


def test_instructions_that_would_never_end_are_not_waited_for(tmp_path: Path) -> None:
    """Reading a named pipe that nobody writes into would hang every launch of the role."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SettingsInvalid) as caught:
        table({"a": Role(instructions_file=str(tmp_path / "pipe"))}, "a")
    said = f"roles.a.instructions_file: {tmp_path}/pipe cannot be read: it is no regular file"
    assert caught.value.message == said


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_instructions_that_cannot_be_read_are_told_with_table_key_and_file(
    tmp_path: Path, content: bytes | None
) -> None:
    """A file that is missing, or is no text."""
    file = tmp_path / "a.md"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsInvalid) as caught:
        table({"a": Role(instructions_file=str(file))}, "a")
    assert caught.value.message.startswith(f"roles.a.instructions_file: {file} cannot be read: ")
