"""Installing the systemd unit of a data directory, and taking it away again."""

import os
import pwd
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from orchestrator.client import systemd
from orchestrator.client.autostart import START_SECONDS, open_log, start_unit, turn_to_start
from orchestrator.client.stopping import stop_daemon
from orchestrator.core.errors import DataDirectoryBusy, InvalidInput, NoSystemd, OrchestratorError
from orchestrator.daemon.unit import Scope, Unit, UnitName, is_for

#: Where logind keeps who lingers.
LINGERING = Path("/var/lib/systemd/linger")


def owner(home: Path) -> str:
    """The login name of whoever the data directory belongs to; his number where he has no name."""
    uid = home.stat().st_uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


@contextmanager
def as_owner(home: Path) -> Generator[None]:
    """What root makes in here belongs to the owner, whose daemon has to write it later."""
    if os.geteuid():
        yield
        return
    found = home.stat()
    os.setegid(found.st_gid)
    os.seteuid(found.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def calls(unit: Unit) -> list[list[str]]:
    """What `install` calls when the unit is written, and before. Lingering starts a user's units at boot."""
    linger = [] if unit.name.scope is Scope.SYSTEM or lingers(unit.name) else [_LINGER]
    return [*linger, *unit.name.enable()]


def install(unit: Unit, path: Path) -> None:
    """Write the unit, hand a running daemon over to systemd, and have it started after each boot.

    Raises:
        NoSystemd: it is not this system's service manager.
        InvalidInput: this user may not, or the file cannot be written.
        DataDirectoryBusy: another unit is in the way.
        OrchestratorError, TimedOut: systemd refused, or the daemon did not come up; what was there before
            is there again, and no daemon runs.
    """
    check(unit.name)
    _check_others(unit, path)
    if unit.name.scope is Scope.USER and not lingers(unit.name):
        _linger()
    with ExitStack() as turn:
        with as_owner(unit.home):
            log = open_log(unit.home)
            turn.enter_context(turn_to_start(unit.home, time.monotonic() + START_SECONDS))
        _replace(unit, path, log)


def _replace(unit: Unit, path: Path, log: Path) -> None:
    before = path.read_text() if path.exists() else None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(unit.text())
    except OSError as exc:
        raise InvalidInput(f"{path} cannot be written: {exc.strerror}") from exc
    began = log.stat().st_size
    try:
        systemd.call(unit.name.reload())
        systemd.call(unit.name.systemctl("enable"))
        stop_daemon(unit.home)
        start_unit(unit.name, "restart", log, began)
    except OrchestratorError:
        with suppress(OrchestratorError):  # the first failure is the one to tell
            _undo(unit.name, path, before)
        raise


def _undo(name: UnitName, path: Path, before: str | None) -> None:
    if before is None:
        remove(name, path)
        return
    path.write_text(before)
    systemd.call(name.systemctl("stop"))
    systemd.call(name.reload())


def uninstall(name: UnitName, path: Path) -> bool:
    """Whether it was installed. The daemon that systemd ran is stopped; the sessions go on."""
    if not path.exists():
        return False
    check(name)
    remove(name, path)
    return True


def remove(name: UnitName, path: Path) -> None:
    """Stop it, take its file away, and have systemd forget that it ever failed."""
    disable, reload = name.disable()
    systemd.call(disable)
    with suppress(OrchestratorError):  # it is not loaded any more: there is nothing to forget
        systemd.call(name.systemctl("reset-failed"))
    path.unlink()
    systemd.call(reload)


def check(name: UnitName) -> None:
    """`NoSystemd` or `InvalidInput` where such a unit cannot be."""
    if not systemd.BOOTED.is_dir():
        raise NoSystemd(
            "systemd does not run the services of this system",
            hint="have `orchestrator daemon start` started by what does",
        )
    if name.scope is Scope.SYSTEM and os.geteuid():
        raise InvalidInput("a system's unit can be installed by root only", hint="leave `--system` out")


def _check_others(unit: Unit, path: Path) -> None:
    """A directory has one unit, and a copied directory has the name of the one it was copied from."""
    found = systemd.installed(unit.home)
    if found and found.name.scope is not unit.name.scope:
        option = " --system" if found.name.scope is Scope.SYSTEM else ""
        raise DataDirectoryBusy(
            f"{found.name} of the {found.name.scope} starts this daemon already",
            hint=f"`orchestrator daemon uninstall{option}` first",
        )
    if path.exists() and not is_for(path.read_text(errors="replace"), unit.home):
        raise DataDirectoryBusy(
            f"{path} is there for another data directory",
            hint="a copied data directory has the same project id as the first; uninstall the other unit",
        )


_LINGER = ["loginctl", "--no-ask-password", "enable-linger"]


def lingers(name: UnitName) -> bool:
    """Whether this user's units are started at boot; the system's need nobody who lingers."""
    return name.scope is Scope.USER and (LINGERING / pwd.getpwuid(os.geteuid()).pw_name).exists()


def _linger() -> None:
    try:
        systemd.call(_LINGER)
    except NoSystemd:
        raise
    except OrchestratorError as exc:
        name = pwd.getpwuid(os.geteuid()).pw_name
        raise InvalidInput(
            f"without lingering no unit of {name}'s is started at boot, and it is refused: {exc.message}",
            hint=f"`sudo loginctl enable-linger {name}`, then install again; or `--system` as root",
        ) from exc
