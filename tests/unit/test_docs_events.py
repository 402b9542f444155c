"""The page about events and the events themselves."""

import re
from pathlib import Path

from orchestrator.core.events import Event

PAGE = (Path(__file__).parents[2] / "docs" / "events.md").read_text("utf-8")
HEADINGS = re.findall(r"^### `(\w+)`$", PAGE, re.MULTILINE)


def test_every_event_has_its_heading_and_every_heading_its_event() -> None:
    """An event that nobody explains, or a page about one that is gone, cannot be committed."""
    assert sorted(HEADINGS) == sorted(Event)


def test_every_heading_is_followed_by_words() -> None:
    """A heading alone explains nothing."""
    for name in HEADINGS:
        following = PAGE.split(f"### `{name}`\n", 1)[1].splitlines()[0]
        assert len(following) > 10, name
