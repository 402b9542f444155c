"""What `image ls --json` says of an image."""

from orchestrator.cli.commands.image import described
from orchestrator.containers.images import BuiltImage


def test_the_time_of_an_image_is_written_like_all_times() -> None:
    """RFC 3339 in UTC, not a number."""
    built = BuiltImage(name="a:1", kind="agent", image_id="sha256:0", created=86_400, size=5)
    assert described(built)["created"] == "1970-01-02T00:00:00.000000Z"
