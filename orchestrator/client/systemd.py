"""Asking systemd: whether it is there, which unit starts a data directory's daemon, and to do something."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.core.errors import NoSystemd, OrchestratorError, RecordCorrupt, TimedOut
from orchestrator.daemon import home as places
from orchestrator.daemon.unit import Scope, UnitName, exec_start, is_for

CALL_SECONDS = 60.0
#: It is there where systemd is the system's first process; see sd_booted(3).
BOOTED = Path("/run/systemd/system")
#: States of a unit whose daemon runs, or will by itself.
_COMING = {"active", "activating", "reloading"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A data directory's unit. It is `current` if it starts the installation that asks."""

    name: UnitName
    current: bool

    @property
    def ours(self) -> bool:
        """Whether this user may start and stop it."""
        return self.name.scope is Scope.USER or os.geteuid() == 0

    @property
    def serves(self) -> bool:
        """Whether the commands of this user and installation have it start the daemon."""
        return self.current and self.ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What systemd says of a unit: its state, the exit status of its last process, whether it is to start."""

    state: str
    status: int = 0
    queued: bool = False

    @property
    def coming(self) -> bool:
        """Whether its daemon runs, or will by itself; at boot it may have to wait for the engine."""
        return self.queued or self.state in _COMING


def unit_path(name: UnitName) -> Path:
    """Where this user's systemd looks for it."""
    from platformdirs import user_config_path  # noqa: PLC0415 - only where no daemon listens

    return name.path(user_config_path())


def installed(home: Path) -> Installed | None:
    """The unit of this data directory, this user's or the system's; none where systemd is not in charge."""
    if not BOOTED.is_dir():
        return None
    from orchestrator.store.registry import known_project  # noqa: PLC0415 - only where no daemon listens

    try:
        project = known_project(Path(places.places(home).project_file))
    except RecordCorrupt:  # the daemon says so when it starts
        return None
    for scope in Scope if project else ():
        name = UnitName(scope=scope, project_id=project)
        try:
            text = unit_path(name).read_text(errors="replace")
        except OSError:  # there is none, or it is nothing that this user may know of
            continue
        if is_for(text, home):
            line = exec_start(Path(sys.executable), home, scope)
            return Installed(name=name, current=line in text.splitlines())
    return None


def standing(name: UnitName) -> Standing:
    """What systemd says of it now; a state of "" where it cannot be asked, as a user's without a bus."""
    try:
        told = call(name.systemctl("show", "--property=ActiveState,ExecMainStatus,Job"))
    except OrchestratorError:
        return Standing(state="")
    values = dict(line.split("=", 1) for line in told.splitlines() if "=" in line)
    return Standing(
        state=values.get("ActiveState", ""),
        status=int(values.get("ExecMainStatus") or 0),
        queued=values.get("Job", "0") not in {"", "0"},
    )


def call(argv: Sequence[str], seconds: float = CALL_SECONDS) -> str:
    """What it printed.

    Raises:
        NoSystemd: there is no such program.
        TimedOut: it does not end.
        OrchestratorError: it failed; the message is its own.
    """
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            stdin=subprocess.DEVNULL,
            env=_environment(),
        )
    except subprocess.TimeoutExpired as exc:
        raise TimedOut(f"`{' '.join(argv)}` did not end within {seconds:.0f} s") from exc
    except OSError as exc:
        raise NoSystemd(f"{argv[0]} cannot be run: {exc.strerror}") from exc
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it did not say why"])[0]
        raise OrchestratorError(f"`{' '.join(argv)}`: {said}")
    return done.stdout


def _environment() -> dict[str, str]:
    """With the way to the user's systemd, which `su` and `sudo` do not hand on."""
    runtime = f"/run/user/{os.geteuid()}"
    known = "XDG_RUNTIME_DIR" in os.environ or not os.path.isdir(runtime)  # noqa: PTH112 - one lookup
    return dict(os.environ) if known else {**os.environ, "XDG_RUNTIME_DIR": runtime}
