"""The commands that the pages show are typed here, as they stand, on in-memory containers."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.children import child, without_settings

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
#: A form with a placeholder in it is no command; the rest wants an engine, a terminal or systemd.
FORM = re.compile(r"\b[A-Z]{2,}\b|\[|…")
ELSEWHERE = (
    "orchestrator model up",
    "orchestrator attach",
    "http://model:8080",
    "completion bash",
    "daemon install",
    "daemon uninstall",
)


def sections(page: Path) -> list[str]:
    return re.split(r"^#+ ", page.read_text(), flags=re.MULTILINE)


def commands(section: str) -> list[str]:
    """The lines of its code blocks that call orchestrator, without their remarks."""
    lines = [line[4:] for line in section.splitlines() if line.startswith("    ")]
    typed = [re.sub(r"\s{2,}#.*", "", line.removeprefix("$ ")) for line in lines]
    return [
        line
        for line in typed
        if re.match(r"(orchestrator|git diff \| orchestrator) ", line)
        and not FORM.search(re.sub(r'"[^"]*"', "", line))
        and not any(part in line for part in ELSEWHERE)
    ]


SECTIONS = [
    pytest.param(section, id=f"{page.relative_to(ROOT)}: {section.splitlines()[0]}")
    for page in PAGES
    for section in sections(page)
    if commands(section)
]


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A repository with a data directory of its own, and the roles that the pages speak of."""
    (tmp_path / "src" / "shop").mkdir(parents=True)
    (tmp_path / "notes").write_text("one\n")
    for words in (["init", "-q"], ["add", "notes"]):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True, timeout=30)
    (tmp_path / "notes").write_text("two\n")
    environment = without_settings() | {
        "HOME": str(tmp_path),
        "ORCHESTRATOR_HOME": str(tmp_path / "team"),
        "ORCHESTRATOR_RUNTIME": "dry",
        "ORCHESTRATOR_MODEL__BASE_URL": "http://127.0.0.1:1/v1",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    yield environment
    typed(environment, "orchestrator daemon stop")


def typed(environment: dict[str, str], line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", line],
        cwd=environment["HOME"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("section", SECTIONS)
def test_the_commands_of_a_section_work_as_they_stand(section: str, shell: dict[str, str]) -> None:
    """One after the other; a role that the section does not launch is there already."""
    wanted = commands(section)
    launched = {line.split()[2] for line in wanted if line.startswith("orchestrator launch")}
    for role in {"reviewer", "builder"} - launched:
        assert typed(shell, f"orchestrator launch {role}").returncode == 0
    for line in wanted:
        done = typed(shell, line)
        assert done.returncode == 0, (line, done.stderr)


def test_enough_is_found_to_mean_something() -> None:
    """Were the pages written in another form, nothing would be typed and all would be well."""
    assert len(SECTIONS) > 5


def test_the_python_page_works_as_it_stands(shell: dict[str, str]) -> None:
    """It follows the session until that is stopped."""
    assert typed(shell, "orchestrator launch reviewer").returncode == 0
    page = (ROOT / "docs" / "guide" / "python.md").read_text()
    program = "\n".join(line[4:] for line in page.splitlines() if line.startswith("    "))
    argv = [sys.executable, "-u", "-c", program]
    with child(argv, env=shell, cwd=shell["HOME"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"committed ")
        typed(shell, "orchestrator stop reviewer")
        out, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, b"")
        assert b"session_stopped" in out
