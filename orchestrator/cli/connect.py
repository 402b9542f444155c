"""The client for the data directory that this command line means."""

from pathlib import Path

from orchestrator.cli.invocation import current
from orchestrator.cli.progress import starting
from orchestrator.client import Client
from orchestrator.core.errors import DataDirectoryMissing, InvalidInput


def client(*, start: bool = True, makes: bool = False) -> Client:
    """`start` says whether a call may start the daemon, `makes` whether that may make the data directory.

    Raises:
        DataDirectoryMissing: it is not there, and is not to be made.
    """
    home = current().home_path()
    if start and not makes:
        check_exists(home)
    return Client(home=home, start=start, starting=starting)


def check_exists(home: Path) -> None:
    """`DataDirectoryMissing` where nothing is there."""
    if not exists(home):
        raise DataDirectoryMissing(
            f"there is no data directory {home}",
            hint="`orchestrator launch` makes it; `--home` or ORCHESTRATOR_HOME names another one",
        )


def exists(home: Path) -> bool:
    """Whether something is there, be it usable or not."""
    try:
        home.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as exc:
        raise InvalidInput(f"the data directory {home} cannot be read: {exc.strerror}") from exc
    return True
