"""Starting the daemon when a command needs it and none listens: detached, logged, waited for.

Where a unit of systemd's is installed for the data directory, systemd is asked to start it instead.
Of commands that need one at the same moment, one starts it and the others wait. Were they all to start
one, the lease would let one live, but a slow loser could come up after the winner was stopped again.
"""

import fcntl
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import IO

from orchestrator.client import systemd
from orchestrator.core.errors import (
    DaemonUnreachable,
    DataDirectoryBusy,
    Exit,
    InvalidInput,
    OrchestratorError,
    SettingsInvalid,
    TimedOut,
)
from orchestrator.daemon import home as places
from orchestrator.daemon.unit import UnitName

#: Entered while a daemon is being started; it may tell so.
Starting = Callable[[], AbstractContextManager[object]]

START_SECONDS = 30.0
POLL_SECONDS = 0.03
#: Before another daemon is started, while the one before lets go.
AGAIN_SECONDS = 0.3
LAST_LOG_BYTES = 8192


def listens(path: Path) -> bool:
    """Whether a connection to the socket is taken."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knock:
        knock.settimeout(1.0)
        try:
            knock.connect(str(path))
        except OSError:
            return False
    return True


def ensure_daemon(home: Path, *, seconds: float = START_SECONDS, starting: Starting = nullcontext) -> Path:
    """The socket of the daemon of this data directory, started now if none listens.

    Raises:
        DaemonUnreachable: it could not be started; the message has its last log line.
        SettingsInvalid: it refused its settings; the message names the place.
        TimedOut: it runs but did not listen in time.
    """
    path = places.listening_at(home)
    if listens(path):
        return path
    deadline = time.monotonic() + seconds
    log = open_log(home)
    with starting(), turn_to_start(home, deadline):
        path = places.listening_at(home)
        if listens(path):
            return path
        return _by_systemd(home, log, deadline) or _started(home, log, deadline)


@contextmanager
def turn_to_start(home: Path, deadline: float) -> Generator[None]:
    """Hold the lock among starters; the kernel lets go of it should we be killed."""
    with (places.daemon_directory(home) / "start.lock").open("ab") as lock:
        while not _locked(lock):
            if time.monotonic() > deadline:
                raise TimedOut("another command has been starting the daemon for too long")
            time.sleep(POLL_SECONDS)
        yield


def _locked(lock: IO[bytes]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def open_log(home: Path) -> Path:
    """Its path; it is there, and this user's alone."""
    log = places.log_path(home)
    try:
        log.parent.parent.mkdir(parents=True, exist_ok=True)
        log.parent.mkdir(mode=0o700, exist_ok=True)
        log.touch(mode=0o600)
    except OSError as exc:
        raise InvalidInput(
            f"the data directory {home} cannot be written: {exc.strerror}",
            hint="set ORCHESTRATOR_HOME to a directory of yours",
        ) from exc
    return log


def _spawn(home: Path, log: Path) -> subprocess.Popen[bytes]:
    """Detached from this terminal and directory. `-P` keeps the working directory off the import path."""
    argv = [sys.executable, "-P", "-m", "orchestrator.cli", "--home", str(home), "daemon", "run"]
    with log.open("ab") as out:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd=home,
            start_new_session=True,
            env=os.environ | {places.HOME_VARIABLE: str(home)},
        )


def _by_systemd(home: Path, log: Path, deadline: float) -> Path | None:
    """Have systemd start it; None where that is not its work, or this user may not ask for it."""
    unit = systemd.installed(home)
    if unit is None or not unit.current:
        return None
    began = log.stat().st_size
    while time.monotonic() < deadline:
        standing = systemd.standing(unit.name)
        if not standing.state or not (standing.coming or unit.ours):
            return None
        if unit.ours:
            start_unit(unit.name, "start", log, began)
        path = places.listening_at(home)
        if listens(path):
            return path
        time.sleep(AGAIN_SECONDS)
    raise TimedOut(f"the daemon does not listen yet: {_last_line(log, began)}", hint=f"its log is {log}")


def start_unit(name: UnitName, verb: str, log: Path, began: int) -> None:
    """`systemctl start` or `restart`; `began` is the length of the log before.

    Raises:
        SettingsInvalid, DaemonUnreachable: it did not come up; the message has its last log line.
    """
    try:
        systemd.call(name.systemctl(verb), START_SECONDS)
    except OrchestratorError as exc:
        if systemd.standing(name).status == Exit.USAGE:
            raise _refused(log, began) from exc
        raise DaemonUnreachable(
            f"{exc.message} The daemon's last words: {_last_line(log, began)}",
            hint=f"`{' '.join(name.systemctl('status'))}` says more; its log is {log}",
        ) from exc


def _refused(log: Path, began: int) -> SettingsInvalid:
    return SettingsInvalid(_last_line(log, began), hint="`orchestrator config validate` checks again")


def _started(home: Path, log: Path, deadline: float) -> Path:
    """Start one, and another where it finds the directory still held by one that is just ending."""
    began = log.stat().st_size
    child = _spawn(home, log)
    while time.monotonic() < deadline:
        path = places.listening_at(home)
        if listens(path):
            return path
        if child.poll() == Exit.USAGE:
            raise _refused(log, began)
        if child.poll() == DataDirectoryBusy.exit_status:
            check_socket(home)
            time.sleep(AGAIN_SECONDS)
            began, child = log.stat().st_size, _spawn(home, log)
        elif child.poll() is not None:
            raise DaemonUnreachable(
                f"the daemon did not start: {_last_line(log, began)}", hint=f"its log is {log}"
            )
        time.sleep(POLL_SECONDS)
    raise TimedOut(f"the daemon does not listen yet: {_last_line(log, began)}", hint=f"its log is {log}")


def check_socket(home: Path) -> None:
    """`DaemonUnreachable` where a daemon runs that nobody can reach any more."""
    if pid := places.without_socket(home):
        raise DaemonUnreachable(
            f"the daemon (process {pid}) runs, but its socket was removed",
            hint="run `orchestrator daemon stop`; the next command starts another, and the sessions go on",
        )


def _last_line(log: Path, began: int) -> str:
    """The last failure that this start wrote, else its last line, or that it wrote none."""
    with log.open("rb") as file:
        file.seek(max(began, log.stat().st_size - LAST_LOG_BYTES))
        lines = file.read().decode(errors="replace").split("\n")
    written = [line.strip() for line in lines if line.strip()]
    failures = [line.removeprefix("error: ") for line in written if line.startswith("error: ")]
    return (failures or written or ["it wrote nothing into its log"])[-1]
