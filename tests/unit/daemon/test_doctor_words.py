"""What the doctor says of a session's walls."""

import pytest

from orchestrator.sessions.examine import container_words

SOUND = {
    "no_new_privileges": True,
    "capabilities": "0000000000000000",
    "read_only_root": True,
    "docker_socket": False,
}


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (SOUND, "no new privileges, no capabilities, a read-only root, no Docker socket"),
        (
            {
                "no_new_privileges": False,
                "capabilities": "00000000000000e0",
                "read_only_root": False,
                "docker_socket": True,
            },
            "NEW PRIVILEGES, CAPABILITIES 00000000000000e0, A WRITABLE ROOT, A DOCKER SOCKET",
        ),
        ({}, "not known"),
    ],
)
def test_the_walls_are_told_in_words(found: dict[str, object], words: str) -> None:
    """What is missing stands out, and what was not probed is not claimed."""
    assert container_words(found) == words
