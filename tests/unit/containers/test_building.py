"""What a person reads while an image is built."""

import pytest

from orchestrator.containers.building import Narrator
from orchestrator.core.errors import ImageUnavailable


class Told(list[str]):
    """Lines told at times that the test sets."""

    now = 0.0

    def narrator(self) -> Narrator:
        return Narrator(self.append, lambda: self.now)


def test_every_step_is_told_and_of_its_output_a_line_now_and_then() -> None:
    """Nobody reads four hundred lines of apt."""
    told = Told()
    narrator = told.narrator()
    narrator.hear({"stream": "Step 1/2 : FROM x\n"})
    narrator.hear({"stream": " ---> 0123\n"})
    narrator.hear({"stream": "Get:1 a\n"})
    told.now = 3.0
    narrator.hear({"stream": "Get:2 b\nGet:3 c\n"})
    narrator.hear({"stream": "Step 2/2 : " + "x" * 200})
    assert told[:2] == ["Step 1/2 : FROM x", "  Get:2 b"]
    assert len(told) == 3
    assert len(told[2]) < 110


def test_a_failure_is_one_line_with_its_reason() -> None:
    """The engine says only that a command failed; what the command said is the reason."""
    narrator = Told().narrator()
    narrator.hear({"stream": "E: Failed to fetch http://deb.debian.org\n"})
    narrator.hear({"stream": "Removing intermediate container\n"})
    with pytest.raises(ImageUnavailable, match=r"returned 100 \(E: Failed to fetch") as failed:
        narrator.hear({"error": "The command returned 100\n"})
    assert "\n" not in failed.value.message


def test_a_pull_tells_its_status() -> None:
    """A registry's words come as `status`."""
    told = Told()
    told.now = -5.0
    narrator = told.narrator()
    told.now = 0.0
    narrator.hear({"status": "Pulling from library/debian", "id": "bookworm"})
    narrator.hear({})
    assert told == ["  Pulling from library/debian"]
