"""The reference pages say what the code says."""

from pathlib import Path

from orchestrator.cli.lazy import VERBS
from orchestrator.cli.reference import pages
from orchestrator.daemon.settings import load_settings, values

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"


def test_the_committed_pages_are_fresh() -> None:
    """`just reference` was run after the last change of a command or a setting."""
    assert {name: (REFERENCE / name).read_text() for name in pages()} == pages()


def test_no_command_and_no_setting_is_missing(tmp_path: Path) -> None:
    """Each verb has its heading, each setting its row."""
    made = pages()
    assert all(f"\n## {verb}" in made["commands.md"] for verb in VERBS)
    assert all(f"| `{name}` |" in made["settings.md"] for name in values(load_settings(tmp_path)))
