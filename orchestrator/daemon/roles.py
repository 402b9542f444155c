"""A role's table as a launch takes it: looked up anew each time, so that a change needs no other daemon."""

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


def _read(name: str, file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", "") or "it is no text in UTF-8"
        raise SettingsInvalid(
            f"roles.{name}.instructions_file: {file} cannot be read: {reason}",
            hint="`orchestrator config show --origin` tells who names it",
        ) from exc
