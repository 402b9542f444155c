"""What `image ls --json` says of an image."""

from dataclasses import replace

from orchestrator.cli.commands.image import described
from orchestrator.containers.images import BuiltImage


def test_the_time_of_an_image_is_written_like_all_times() -> None:
    """RFC 3339 in UTC, not a number."""
    built = BuiltImage(name="a:1", kind="agent", image_id="sha256:0", created=86_400, size=5)
    assert described(built)["created"] == "1970-01-02T00:00:00.000000Z"


def test_an_image_says_whether_it_is_the_one_that_is_used() -> None:
    """Of a dozen versions one is."""
    built = BuiltImage(name="a:1", kind="agent", image_id="sha256:0", created=0, size=5)
    assert [described(one)["current"] for one in (built, replace(built, current=True))] == [False, True]
