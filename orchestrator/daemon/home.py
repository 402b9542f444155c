"""Which data directory is meant, where its daemon listens, and what the daemon says of itself.

Every command asks this, so it is of the standard library only. It reads; it makes nothing but the
private directory that a socket is put into when the data directory's own path is too long for one.
"""

import json
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from orchestrator.core.errors import InvalidInput
from orchestrator.core.places import Home

HOME_VARIABLE = "ORCHESTRATOR_HOME"
SETTINGS_FILE = "orchestrator.toml"
SOCKET_NAME = "orchestrator.sock"
LONGEST_SOCKET = 100  # the kernel takes 107 bytes; the rest is for a suffix while it is being made
SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonRecord:
    """What `daemon.json` holds: the daemon that listens, or the last one that did."""

    pid: int
    version: str
    socket: str
    started_at: str
    project_id: str

    def to_json(self) -> str:
        return json.dumps({"schema": SCHEMA, **asdict(self)}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> "DaemonRecord":
        """The inverse of `to_json`; KeyError, TypeError or ValueError on anything else."""
        value = json.loads(text)
        return cls(
            pid=int(value["pid"]),
            version=str(value["version"]),
            socket=str(value["socket"]),
            started_at=str(value["started_at"]),
            project_id=str(value["project_id"]),
        )


def find_settings_file(start: Path) -> Path | None:
    """The nearest `orchestrator.toml` in the directory or above it."""
    for directory in (start, *start.parents):
        candidate = directory / SETTINGS_FILE
        if candidate.is_file():
            return candidate
    return None


def resolve_home(given: str | None, environment: Mapping[str, str], directory: Path) -> Path:
    """The data directory: the one given, `ORCHESTRATOR_HOME`, the project's, or this user's own."""
    named = given or environment.get(HOME_VARIABLE, "")
    if named:
        return _absolute(directory / Path(named).expanduser())
    settings = find_settings_file(_absolute(directory))
    if settings is not None:
        return settings.parent
    from platformdirs import user_state_path  # noqa: PLC0415 - few commands come this far

    return _absolute(user_state_path("orchestrator", appauthor=False))


def _absolute(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError) as exc:
        raise InvalidInput(f"{path} cannot be a data directory: {exc}") from exc


def places(home: Path) -> Home:
    """The names inside the data directory, as the core has them."""
    return Home(PurePosixPath(home))


def daemon_directory(home: Path) -> Path:
    return Path(places(home).daemon)


def log_path(home: Path) -> Path:
    return daemon_directory(home) / "daemon.log"


def record_path(home: Path) -> Path:
    return daemon_directory(home) / "daemon.json"


def lock_path(home: Path) -> Path:
    return daemon_directory(home) / "daemon.lock"


def socket_path(home: Path, *, runtime_directory: str, uid: int) -> Path:
    """Where the daemon of this data directory listens; a long path moves it to a short one."""
    at_home = daemon_directory(home) / SOCKET_NAME
    if len(os.fsencode(at_home)) <= LONGEST_SOCKET:
        return at_home
    from hashlib import sha256  # noqa: PLC0415 - only a long path needs it

    name = sha256(os.fsencode(home)).hexdigest()[:16] + ".sock"
    wanted = Path(runtime_directory) / name
    if runtime_directory and len(os.fsencode(wanted)) <= LONGEST_SOCKET:
        return wanted
    return Path(f"/tmp/orchestrator-{uid}") / name  # noqa: S108 - private_directory checks its owner and mode


def current_socket_path(home: Path) -> Path:
    """`socket_path` for this process's user and environment."""
    return socket_path(home, runtime_directory=os.environ.get("XDG_RUNTIME_DIR", ""), uid=os.getuid())


def private_directory(path: Path) -> Path:
    """The directory itself, made if missing, and nobody else's.

    Raises:
        InvalidInput: it belongs to another user, or others could put something into it.
    """
    with suppress(FileExistsError):  # something else than a folder, which is refused below
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise InvalidInput(
            f"{path} is not a private directory of this user",
            hint="remove it, or set ORCHESTRATOR_HOME to a shorter path",
        )
    return path


def read_daemon_record(home: Path) -> DaemonRecord | None:
    """What `daemon.json` says; None where there is none, or it cannot be read as one."""
    try:
        return DaemonRecord.from_json(record_path(home).read_bytes())
    except (OSError, KeyError, TypeError, ValueError):
        return None


def without_socket(home: Path) -> int:
    """The process of a daemon whose socket somebody removed; 0 where there is none.

    A daemon that ends takes its record back before it removes its socket.
    """
    record = read_daemon_record(home)
    if record is None or Path(record.socket).exists():
        return 0
    try:
        os.kill(record.pid, 0)
    except OSError:
        return 0
    return record.pid


def listening_at(home: Path) -> Path:
    """The socket to knock at: the one the daemon wrote down, else where one would listen."""
    record = read_daemon_record(home)
    return Path(record.socket) if record and record.socket else current_socket_path(home)
