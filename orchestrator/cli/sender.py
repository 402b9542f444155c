"""Who sends: `--from`, else ORCHESTRATOR_SENDER, else the login name."""

import getpass
import os


def sender(given: str | None) -> str:
    return given or os.environ.get("ORCHESTRATOR_SENDER") or _login()


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a uid without a name, as in some containers
        return f"uid-{os.getuid()}"
