"""Completion, from the registry's files alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = str(Path(sys.executable).with_name("orchestrator"))


def complete(home: Path, words: str, index: int) -> list[str]:
    """What bash would be offered."""
    done = subprocess.run(
        [SCRIPT],
        env=os.environ
        | {
            "ORCHESTRATOR_HOME": str(home),
            "_ORCHESTRATOR_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(index),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return [line.split(",", 1)[1] for line in done.stdout.splitlines()]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "registry").mkdir()
    for session_id, role in (
        ("abc0000000", "reviewer"),
        ("bcd0000000", "reviewer"),
        ("rst0000000", "writer"),
    ):
        record = json.dumps({"session_id": session_id, "role": role})
        (tmp_path / "registry" / f"{session_id}.json").write_text(record)
    (tmp_path / "registry" / "torn.json").write_text('{"session_id": "x')
    (tmp_path / "registry" / "project.json").write_text('{"project_id": "ab12cd34"}')
    return tmp_path


def test_sessions_complete_by_role_and_by_id(home: Path) -> None:
    """Torn records and other files are passed over."""
    assert complete(home, "orchestrator send ", 2) == [
        "reviewer",
        "writer",
        "abc0000000",
        "bcd0000000",
        "rst0000000",
    ]
    assert complete(home, "orchestrator send r", 2) == ["reviewer", "rst0000000"]


def test_launch_completes_roles_only(home: Path) -> None:
    """A new session is named by a role."""
    assert complete(home, "orchestrator launch ", 2) == ["reviewer", "writer"]


def test_completing_starts_no_daemon(home: Path) -> None:
    """Pressing Tab has no effect on the machine."""
    complete(home, "orchestrator stop ", 2)
    assert not (home / "outputs").exists()


def test_the_home_on_the_line_counts(home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """`--home` chooses the registry that completion reads."""
    other = tmp_path_factory.mktemp("other")
    assert complete(other, f"orchestrator --home {home} send w", 4) == ["writer"]


def test_verbs_complete_without_aliases(home: Path) -> None:
    """Only canonical verbs are offered."""
    assert complete(home, "orchestrator s", 1) == ["send", "snapshot", "stream", "status", "stop"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script(home: Path, shell: str) -> None:
    """The script begins with how to load it, and names our program."""
    done = subprocess.run(
        [SCRIPT, "completion", shell], capture_output=True, text=True, timeout=60, check=True, cwd=home
    )
    assert done.stdout.startswith("# ")
    assert "_ORCHESTRATOR_COMPLETE" in done.stdout
