"""Programs that a test starts: none outlives its test, and none needs to see who runs it."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def without_settings() -> dict[str, str]:
    """The environment, without the settings of whoever runs the tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ORCHESTRATOR_")}


def at_home(home: Path) -> dict[str, str]:
    """The environment of `ana`, who has nothing but this folder; it is the data directory, too."""
    return without_settings() | {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_STATE_HOME": str(home / "state"),
        "ORCHESTRATOR_HOME": str(home),
        "ORCHESTRATOR_SENDER": "ana",
    }


@contextmanager
def child(argv: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Like `with subprocess.Popen`, which would wait without a limit for one that a failed test left."""
    process = subprocess.Popen(argv, **options)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
