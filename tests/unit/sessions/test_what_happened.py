"""What is said of a session that should run and has no running container."""

import pytest

from orchestrator.core.ports import Container, ContainerState
from orchestrator.sessions.observe import what_happened


def _exited(code: int) -> Container:
    return Container(container_id="c1", name="one", state=ContainerState.EXITED, exit_code=code)


@pytest.mark.parametrize(
    ("container", "said"),
    [
        (None, "container removed; `orchestrator resume-all` makes it again"),
        (_exited(137), "container killed (137); `orchestrator resume-all` starts it"),
        (_exited(70), "container ended (70); `orchestrator resume-all` starts it"),
    ],
)
def test_what_became_of_a_container_comes_with_what_to_do(container: Container | None, said: str) -> None:
    """Short enough for a column of `ps`."""
    assert what_happened(container) == said
    assert len(said) <= 60
