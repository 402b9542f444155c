"""Codex's login on this host: the file that a session's codex is given a copy of."""

import os
from pathlib import Path


def codex_login(configured: str) -> str:
    """The configured file, else the `auth.json` of this user's codex; empty where there is none."""
    if configured:
        return str(Path(configured).expanduser())
    usual = Path(os.environ.get("CODEX_HOME") or Path.home() / ".codex") / "auth.json"
    return str(usual) if usual.is_file() else ""
