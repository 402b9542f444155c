"""What an engine is, from its own word about itself."""

from typing import Any

import pytest

from orchestrator.containers.engine import maps_users


@pytest.mark.parametrize(
    ("info", "maps"),
    [
        ({"SecurityOptions": ["name=seccomp,profile=default", "name=cgroupns"]}, False),
        ({"SecurityOptions": None}, False),
        ({"OperatingSystem": "Debian GNU/Linux 12 (bookworm)"}, False),
        ({"SecurityOptions": ["name=seccomp,profile=default", "name=rootless"]}, True),
        ({"SecurityOptions": ["name=userns"]}, False),
        ({"OperatingSystem": "Docker Desktop"}, True),
    ],
)
def test_an_engine_that_maps_users_is_known_by_its_info(info: dict[str, Any], *, maps: bool) -> None:
    """Rootless, or in a desktop's virtual machine; from `userns-remap` agents are exempt."""
    assert maps_users(info) is maps
