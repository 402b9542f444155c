"""Roles of the settings on the command line, where no daemon is asked: completion and checking."""

from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run

COMPLETING = {
    "_ORCHESTRATOR_COMPLETE": "bash_complete",
    "COMP_WORDS": "orchestrator launch ",
    "COMP_CWORD": "2",
}


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("[roles.writer]\n[roles.auditor]\n", ["plain,auditor", "plain,writer"]),
        ("[roles.writer\n", []),
        ("roles = 1\n", []),
        ("roles = ['writer']\n", []),
    ],
)
def test_launch_completes_the_roles_of_the_settings(
    orchestrator: Run, tmp_path: Path, text: str, offered: list[str]
) -> None:
    """A file that cannot be read is passed over: completion is no place to complain."""
    (tmp_path / "orchestrator.toml").write_text(text)
    done = orchestrator(**COMPLETING)
    assert (done.stdout.split(), done.stderr) == (offered, "")


def test_validating_reads_the_instructions_of_every_role(orchestrator: Run, tmp_path: Path) -> None:
    """A file that is missing is found before a launch would find it."""
    (tmp_path / "orchestrator.toml").write_text('[roles.a]\ninstructions_file = "how.md"\n')
    done = orchestrator("config", "validate")
    assert done.returncode == 2
    assert f"roles.a.instructions_file: {tmp_path}/how.md cannot be read" in done.stderr
    (tmp_path / "how.md").write_text("Be brief.")
    assert orchestrator("config", "validate").returncode == 0
