"""The picture of the tool at work is on the pages, and shows what the tool does today."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from pictures.cast import PROMPT, paced, read
from pictures.poster import poster

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "pictures"
PICTURE = FOLDER / "demo.svg"
#: GitHub shows larger ones too, but a page should not weigh more than this.
BYTES = 300_000


def commands(transcript: str) -> list[str]:
    """What was typed; a process id differs from run to run."""
    typed = re.findall(r"^\$ (.+)$", transcript, flags=re.MULTILINE)
    return [re.sub(r"\bkill -9 \d+", "kill -9 PID", line) for line in typed]


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_a_page_shows_it_and_says_what_is_seen(page: str) -> None:
    path = ROOT / page
    shown = re.findall(r"!\[([^\]]+)\]\(([^)]+\.svg)\)", path.read_text())
    assert [(path.parent / link).resolve() for _, link in shown] == [PICTURE]
    assert all(len(alternative.split()) > 5 for alternative, _ in shown)


def test_it_is_light_and_asks_for_nothing_else() -> None:
    """No script, no font and no picture from elsewhere: pages show it as an image."""
    text = PICTURE.read_text()
    assert len(text.encode()) < BYTES
    tags = {element.tag.rpartition("}")[2] for element in ET.fromstring(text).iter()}  # noqa: S314 - our own file
    assert not tags & {"script", "image", "foreignObject"}
    assert "@import" not in text
    assert "url(" not in text


def test_where_nothing_moves_the_whole_transcript_is_read() -> None:
    assert poster(PICTURE.read_text()) == (FOLDER / "demo.txt").read_text().splitlines()


def test_recording_and_transcript_are_of_one_session() -> None:
    cast = read((FOLDER / "demo.cast").read_text())
    transcript = (FOLDER / "demo.txt").read_text()
    assert paced(cast) == cast
    typed = [re.sub(r"\x1b\[\d*m", "", part.partition("\r\n")[0]) for part in cast.text.split(PROMPT)[1:]]
    assert [line for line in typed if line] == re.findall(r"^\$ (.+)$", transcript, flags=re.MULTILINE)
    assert cast.rows == len(transcript.splitlines())


def test_nothing_of_the_machine_that_made_it_is_seen() -> None:
    """The folder of the team is named, and nothing else that a machine has."""
    transcript = (FOLDER / "demo.txt").read_text()
    roots = set(re.findall(r"(?<![\w/])(/\w+/\w+)", transcript))
    assert roots <= {"/tmp/team", "/bin/bash"}  # noqa: S108 - names in a text
    assert not re.search(r"\broot\b", transcript)


@pytest.fixture
def team(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A data directory with the story's shop in it."""
    shop = tmp_path / "shop"
    subprocess.run(["cp", "-R", str(ROOT / "scripts" / "story" / "shop"), str(shop)], check=True, timeout=30)
    who = ["-c", "user.name=ana", "-c", "user.email=ana@example.org"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "A shop"]):
        subprocess.run(["git", "-C", str(shop), *words], check=True, timeout=30)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ORCHESTRATOR_")}
    environment = kept | {
        "HOME": str(tmp_path),
        "ORCHESTRATOR_HOME": str(tmp_path),
        "ORCHESTRATOR_RUNTIME": "dry",
        "ORCHESTRATOR_MODEL__BASE_URL": "http://127.0.0.1:1/v1",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    yield environment
    subprocess.run(["orchestrator", "daemon", "stop", "-q"], env=environment, check=False, timeout=60)


def test_the_story_told_today_types_what_the_picture_shows(team: dict[str, str]) -> None:
    """Each command works, on in-memory containers; were one renamed, the picture would be an old one."""
    told = subprocess.run(
        ["bash", str(ROOT / "scripts" / "story" / "tell"), "--short"],
        cwd=team["ORCHESTRATOR_HOME"],
        env=team,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    plain = re.sub(r"\x1b\[[\d;]*m", "", told.stdout)
    assert len(commands(plain)) > 5
    assert commands(plain) == commands((FOLDER / "demo.txt").read_text())
