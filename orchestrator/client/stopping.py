"""Stopping the daemon of a data directory, whatever version it is of, and waiting until it is gone."""

import os
import signal
from pathlib import Path

from filelock import FileLock, Timeout

from orchestrator.client import systemd
from orchestrator.client.autostart import listens
from orchestrator.client.client import Client
from orchestrator.core.errors import ConnectionLost, DaemonUnreachable, DaemonVersionMismatch, TimedOut
from orchestrator.daemon import home as places

STOP_SECONDS = 30.0


def stop_daemon(home: Path) -> bool:
    """Whether there was a daemon to stop; when this returns it has let go of the data directory.

    One that systemd keeps starting without success counts, too.

    Raises:
        TimedOut: it was told, and still holds it.
    """
    unit = systemd.installed(home)
    kept = unit is not None and unit.ours and systemd.standing(unit.name).coming
    if unit and kept:
        systemd.call(unit.name.systemctl("stop"))
    return _stop_process(home) or kept


def _stop_process(home: Path) -> bool:
    if listens(places.listening_at(home)):
        _tell(home)
    elif not _held(home):
        return False
    else:
        _signal(home)
    try:
        with FileLock(places.lock_path(home), timeout=STOP_SECONDS):
            return True
    except Timeout as exc:
        raise TimedOut(
            "the daemon was told to stop and still runs", hint=f"its log is {places.log_path(home)}"
        ) from exc


def _held(home: Path) -> bool:
    """Whether a daemon has the lease, though it cannot be reached: its socket may have been removed."""
    if not places.lock_path(home).exists():
        return False
    try:
        with FileLock(places.lock_path(home), timeout=0):
            return False
    except Timeout:
        return True


def _signal(home: Path) -> None:
    """Only while the lease is held: what an ended daemon left may name another program's process."""
    record = places.read_daemon_record(home)
    if record is None:
        raise DaemonUnreachable(
            f"a daemon holds {home}, but cannot be reached and does not say who it is",
            hint=f"`fuser {places.lock_path(home)}` names its process",
        )
    os.kill(record.pid, signal.SIGTERM)


def _tell(home: Path) -> None:
    """By its API; by SIGTERM where another version's API will not have it."""
    try:
        Client(home=home, start=False).stop_daemon()
    except (ConnectionLost, DaemonUnreachable):  # it ended before it had answered
        return
    except DaemonVersionMismatch:
        _signal(home)
