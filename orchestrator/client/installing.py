"""Installing the systemd unit of a data directory, and taking it away again."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from orchestrator.client.stopping import stop_daemon
from orchestrator.core.errors import InvalidInput, NoSystemd, OrchestratorError, TimedOut
from orchestrator.daemon.unit import Scope, Unit

CALL_SECONDS = 60.0
#: It is there where systemd is the system's first process; see sd_booted(3).
BOOTED = Path("/run/systemd/system")


def install(unit: Unit, path: Path) -> None:
    """Write the unit, hand a running daemon over to systemd, and have it started after each boot.

    Raises:
        NoSystemd: it is not this system's service manager.
        InvalidInput: the file cannot be written.
        OrchestratorError, TimedOut: systemd refused; nothing is left installed.
    """
    _check(unit)
    stop_daemon(unit.home)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(unit.text())
    except OSError as exc:
        raise InvalidInput(f"{path} cannot be written: {exc.strerror}") from exc
    try:
        _call(unit.enable())
    except OrchestratorError:
        path.unlink()
        raise


def uninstall(unit: Unit, path: Path) -> bool:
    """Whether it was installed. The daemon that systemd ran is stopped; the sessions go on."""
    if not path.exists():
        return False
    _check(unit)
    first, *rest = unit.disable()
    _call([first])
    path.unlink()
    _call(rest)
    return True


def _check(unit: Unit) -> None:
    if not BOOTED.is_dir():
        raise NoSystemd(hint="start `orchestrator daemon start` by what starts services here")
    if unit.scope is Scope.SYSTEM and os.geteuid():
        raise InvalidInput("a system's unit can be installed by root only", hint="leave `--system` out")


def _call(calls: Sequence[Sequence[str]]) -> None:
    for argv in calls:
        try:
            done = subprocess.run(argv, capture_output=True, text=True, timeout=CALL_SECONDS, check=False)
        except subprocess.TimeoutExpired as exc:
            raise TimedOut(f"{argv[0]} did not end within {CALL_SECONDS:.0f} s") from exc
        except OSError as exc:
            raise NoSystemd(f"{argv[0]} cannot be run: {exc.strerror}") from exc
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["it did not say why"])[-1]
            raise OrchestratorError(f"`{' '.join(argv)}`: {said}")
