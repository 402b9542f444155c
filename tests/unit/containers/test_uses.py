"""The words for who uses an image."""

from typing import Any

from orchestrator.containers.labels import ROLE, SESSION
from orchestrator.containers.uses import NAMES_TOLD, in_use, users

IMAGE = "sha256:1"


def container(name: str, image: str = IMAGE, **labels: str) -> dict[str, Any]:
    return {"ImageID": image, "Names": [f"/{name}"], "Labels": labels or None}


def test_sessions_are_told_as_sessions_and_containers_by_name() -> None:
    """Those of another image are not told."""
    seen = [
        container("a", **{SESSION: "abc0000000", ROLE: "reviewer"}),
        container("b"),
        container("c", "sha256:2"),
    ]
    assert users(IMAGE, seen) == ["reviewer (abc0000000)", "the container b"]


def test_many_users_are_counted() -> None:
    """The line stays readable."""
    told = in_use("agent:1", [f"r{n}" for n in range(NAMES_TOLD + 2)]).message
    assert told == "agent:1 is used by r0, r1, r2, r3, r4 and 2 more"
    assert in_use("agent:1", ["r0"]).message == "agent:1 is used by r0"
