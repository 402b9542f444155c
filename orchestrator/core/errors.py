"""Every failure that a user can meet: a stable code, an exit status, an HTTP status, a next step.

Adapters translate foreign exceptions into these at their edge; only the command line and the API
catch the root. A leaf's docstring is its default message.
"""

from enum import IntEnum
from typing import ClassVar


class Exit(IntEnum):
    """The exit codes of the command line, as documented in the guide."""

    OK = 0
    FAILED = 1
    USAGE = 2
    BUG = 3
    NOT_FOUND = 4
    CONFLICT = 5
    UNREACHABLE = 6
    TIMED_OUT = 7
    WAITING_ON_PERSON = 8
    INTERRUPTED = 130
    TERMINATED = 143


class OrchestratorError(Exception):
    """The operation failed."""

    code: ClassVar[str] = "failed"
    exit_status: ClassVar[Exit] = Exit.FAILED
    http_status: ClassVar[int] = 500

    def __init__(self, message: str | None = None, *, hint: str = "") -> None:
        self.message = message or (type(self).__doc__ or "").splitlines()[0]
        self.hint = hint
        super().__init__(self.message)


class InvalidInput(OrchestratorError, ValueError):
    """The input cannot be used."""

    code = "invalid_input"
    exit_status = Exit.USAGE
    http_status = 422


class SettingsInvalid(OrchestratorError, ValueError):
    """A setting cannot be used."""

    code = "settings_invalid"
    exit_status = Exit.USAGE
    http_status = 422


class SessionNotFound(OrchestratorError, LookupError):
    """No session has that name."""

    code = "session_not_found"
    exit_status = Exit.NOT_FOUND
    http_status = 404


class DataDirectoryMissing(OrchestratorError, LookupError):
    """The data directory does not exist."""

    code = "data_directory_missing"
    exit_status = Exit.NOT_FOUND
    http_status = 404


class ReceiptNotFound(OrchestratorError, LookupError):
    """No message has that id."""

    code = "receipt_not_found"
    exit_status = Exit.NOT_FOUND
    http_status = 404


class SelectorAmbiguous(OrchestratorError, LookupError):
    """More than one session answers to that name."""

    code = "selector_ambiguous"
    exit_status = Exit.CONFLICT
    http_status = 409


class RoleBusy(OrchestratorError):
    """The role already has a live session."""

    code = "role_busy"
    exit_status = Exit.CONFLICT
    http_status = 409


class SessionBusy(OrchestratorError):
    """The session is working on a turn."""

    code = "session_busy"
    exit_status = Exit.CONFLICT
    http_status = 409


class SessionNotRunning(OrchestratorError):
    """The session is not running."""

    code = "session_not_running"
    exit_status = Exit.CONFLICT
    http_status = 409


class RouteRefused(OrchestratorError):
    """The route cannot carry this message now."""

    code = "route_refused"
    exit_status = Exit.CONFLICT
    http_status = 409


class RateLimited(OrchestratorError):
    """Too many messages wait for this session."""

    code = "rate_limited"
    exit_status = Exit.CONFLICT
    http_status = 429


class DataDirectoryBusy(OrchestratorError):
    """Another daemon owns this data directory."""

    code = "data_directory_busy"
    exit_status = Exit.CONFLICT
    http_status = 409


class AlreadyThere(OrchestratorError, FileExistsError):
    """There is something already, and it is not replaced."""

    code = "already_there"
    exit_status = Exit.CONFLICT
    http_status = 409


class EngineUnreachable(OrchestratorError, ConnectionError):
    """The container engine does not answer."""

    code = "engine_unreachable"
    exit_status = Exit.UNREACHABLE
    http_status = 503


class DaemonUnreachable(OrchestratorError, ConnectionError):
    """The daemon does not answer."""

    code = "daemon_unreachable"
    exit_status = Exit.UNREACHABLE
    http_status = 503


class DaemonVersionMismatch(OrchestratorError):
    """The daemon is of another version."""

    code = "daemon_version"
    exit_status = Exit.UNREACHABLE
    http_status = 409


class EngineRefused(OrchestratorError):
    """The container engine refused the request."""

    code = "engine_refused"
    http_status = 502


class EngineUnfit(OrchestratorError):
    """Sessions cannot live on this container engine."""

    code = "engine_unfit"
    http_status = 501


class ContainerGone(OrchestratorError, LookupError):
    """The container does not exist."""

    code = "container_gone"
    exit_status = Exit.NOT_FOUND
    http_status = 410


class ImageUnavailable(OrchestratorError):
    """The agent image is missing and cannot be built."""

    code = "image_unavailable"
    http_status = 503


class ImageNotFound(ImageUnavailable, LookupError):
    """No image has that name."""

    code = "image_not_found"
    exit_status = Exit.NOT_FOUND
    http_status = 404


class ImageInUse(OrchestratorError):
    """A container uses the image."""

    code = "image_in_use"
    exit_status = Exit.CONFLICT
    http_status = 409


class NoScreen(OrchestratorError):
    """There is no screen to attach to."""

    code = "no_screen"
    http_status = 409


class NoSystemd(OrchestratorError):
    """Systemd does not run the services of this system."""

    code = "no_systemd"
    http_status = 501


class LaunchFailed(OrchestratorError):
    """The session did not come up."""

    code = "launch_failed"
    http_status = 502


class CodexRefused(OrchestratorError):
    """Codex refused the request."""

    code = "codex_refused"
    http_status = 502

    def __init__(self, message: str | None = None, *, hint: str = "", rpc_code: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.rpc_code = rpc_code


class ConnectionLost(OrchestratorError, ConnectionError):
    """The connection into the container ended."""

    code = "connection_lost"
    exit_status = Exit.UNREACHABLE
    http_status = 502

    def __init__(self, message: str | None = None, *, hint: str = "", ambiguous: bool = True) -> None:
        super().__init__(message, hint=hint)
        #: False only where it is certain that nothing was done on the other side.
        self.ambiguous = ambiguous


class TimedOut(OrchestratorError, TimeoutError):
    """The operation took too long."""

    code = "timed_out"
    exit_status = Exit.TIMED_OUT
    http_status = 504


class StoreUnwritable(OrchestratorError, OSError):
    """The event store cannot be written."""

    code = "store_unwritable"
    http_status = 507


class RecordCorrupt(OrchestratorError, ValueError):
    """A registry record cannot be read."""

    code = "record_corrupt"


class DaemonBroke(OrchestratorError):
    """The daemon met a bug of its own."""

    code = "bug"
    exit_status = Exit.BUG


def leaves() -> dict[str, type[OrchestratorError]]:
    """Code → class, for every documented error."""
    found: dict[str, type[OrchestratorError]] = {}
    todo: list[type[OrchestratorError]] = [OrchestratorError]
    while todo:
        cls = todo.pop()
        found[cls.code] = cls
        todo += cls.__subclasses__()
    return found
