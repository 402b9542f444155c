"""Codex's login on this host: the file that a session's codex is given a copy of."""

import os
from pathlib import Path


def codex_login(configured: str) -> str:
    """The configured file, else the `auth.json` of this user's codex, be it there yet or not."""
    if configured:
        return str(Path(configured).expanduser())
    return str(Path(os.environ.get("CODEX_HOME") or Path.home() / ".codex") / "auth.json")
