"""Who sends: `--from`, else ORCHESTRATOR_SENDER, else the login name."""

import getpass
import os

from orchestrator.core.words import check_line

VARIABLE = "ORCHESTRATOR_SENDER"


def sender(given: str | None) -> str:
    return given or check_line(os.environ.get(VARIABLE, ""), VARIABLE) or _login()


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a uid without a name, as in some containers
        return f"uid-{os.getuid()}"
