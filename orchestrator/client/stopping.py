"""Stopping the daemon of a data directory, whatever version it is of, and waiting until it is gone."""

import os
import signal
import time
from pathlib import Path

from orchestrator.client.autostart import listens
from orchestrator.client.client import Client
from orchestrator.core.errors import ConnectionLost, DaemonUnreachable, DaemonVersionMismatch, TimedOut
from orchestrator.daemon import home as places

STOP_SECONDS = 30.0
POLL_SECONDS = 0.05


def stop_daemon(home: Path) -> bool:
    """Whether there was a daemon to stop; it is gone when this returns.

    Raises:
        TimedOut: it was told, and still listens.
    """
    path = places.listening_at(home)
    if not listens(path):
        return False
    _tell(home)
    deadline = time.monotonic() + STOP_SECONDS
    while listens(path):
        if time.monotonic() > deadline:
            raise TimedOut(
                "the daemon was told to stop and still runs", hint=f"its log is {places.log_path(home)}"
            )
        time.sleep(POLL_SECONDS)
    return True


def _tell(home: Path) -> None:
    """By its API; by SIGTERM where another version's API will not have it."""
    try:
        Client(home=home, start=False).stop_daemon()
    except (ConnectionLost, DaemonUnreachable):  # it ended before it had answered
        return
    except DaemonVersionMismatch:
        record = places.read_daemon_record(home)
        if record is None:
            raise
        os.kill(record.pid, signal.SIGTERM)
