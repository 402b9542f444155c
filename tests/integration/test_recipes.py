"""The recipes of the justfile, typed without anything of this clone on the PATH."""

import shutil
import subprocess
from pathlib import Path

from tests.children import at_home

ROOT = Path(__file__).parents[2]
JUST = ROOT / ".venv" / "bin" / "just"


def recipe(clone: Path, home: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [JUST, "--justfile", str(clone / "justfile"), *argv],
        env=at_home(home) | {"PATH": "/usr/bin:/bin"},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_recipe_runs_the_clones_own_program(tmp_path: Path) -> None:
    """With its arguments as they were typed, and its exit code."""
    done = recipe(ROOT, tmp_path, "orchestrator-send", "a b", "c", "--home", f"{tmp_path}/no data")
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.splitlines()[0] == f"error: there is no data directory {tmp_path}/no data"


def test_a_clone_that_is_not_set_up_says_what_to_run(tmp_path: Path) -> None:
    """In one line, and exits 6."""
    clone = tmp_path / "the clone"
    (clone / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "justfile", clone)
    shutil.copy(ROOT / "scripts" / "run", clone / "scripts")
    done = recipe(clone, tmp_path, "orchestrator-ps")
    assert (done.returncode, done.stdout) == (6, "")
    assert done.stderr == "error: orchestrator is not in .venv; run scripts/setup\n"
