# ruff: noqa: INP001 - the folder is not a package: this one file goes into the image
"""What the daemon's container runs: makes the network that the scripted model will join, and is the daemon.

The model's container and the first session's come at the same time. Each would find no network and make one,
and then there would be two of one name.
"""

import os
import sys
from contextlib import closing
from pathlib import Path

from orchestrator.containers import network
from orchestrator.containers.connection import Connection
from orchestrator.containers.scripted_model import BASE_URL
from orchestrator.core.errors import OrchestratorError
from orchestrator.daemon.home import HOME_VARIABLE, places
from orchestrator.daemon.settings import load_settings
from orchestrator.store.registry import JsonRegistry


def make_network(home: Path) -> None:
    settings = load_settings(home)
    if settings.model.base_url != BASE_URL:
        return
    project_id = JsonRegistry(places(home)).project_id()
    connection = Connection(settings.engine.host or None)
    with closing(connection.client()) as client, network.held(client, project_id):
        return


try:
    make_network(Path(os.environ[HOME_VARIABLE]))
except OrchestratorError as exc:
    sys.exit(f"error: {exc.message}")
os.execvp("orchestrator", ["orchestrator", "daemon", "run"])  # noqa: S606 - no shell is the point
