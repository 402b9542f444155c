"""A role's table as a launch takes it: looked up anew each time, so that a change needs no other daemon."""

import stat
from collections.abc import Mapping
from pathlib import Path

from orchestrator.core.errors import SettingsInvalid
from orchestrator.daemon.sections import Role


def table(roles: Mapping[str, Role], name: str) -> Role:
    """The role's table with its instructions read; one that sets nothing where it has none.

    Raises:
        SettingsInvalid: the file of the instructions cannot be read.
    """
    role = roles.get(name, Role())
    if not role.instructions_file:
        return role
    return role.model_copy(update={"developer_instructions": _read(name, role.instructions_file)})


def check_files(roles: Mapping[str, Role]) -> None:
    """`SettingsInvalid` where the instructions of a role cannot be read now."""
    for name in roles:
        table(roles, name)


def _read(name: str, file: str) -> str:
    try:
        regular = stat.S_ISREG(Path(file).stat().st_mode)
        text = Path(file).read_text(encoding="utf-8") if regular else ""
    except (OSError, ValueError) as exc:
        raise _unreadable(name, file, getattr(exc, "strerror", "") or "it is no text in UTF-8") from exc
    if not regular:  # to read it could hang
        raise _unreadable(name, file, "it is no regular file")
    return text


def _unreadable(name: str, file: str, reason: str) -> SettingsInvalid:
    return SettingsInvalid(
        f"roles.{name}.instructions_file: {file} cannot be read: {reason}",
        hint="`orchestrator config show --origin` tells who names it",
    )
