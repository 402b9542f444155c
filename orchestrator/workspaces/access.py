"""Who may come into a folder, from its owner, its mode bits and its POSIX access list: pure decisions.

The agent has to come into a workspace that is mounted as it is, and to read it: with its own uid, the group
of the same number and no other, and none of root's power over files. The supervisor goes there by the agent's
right. What lies above the folder does not matter: the engine resolves the way there.

The uids are those of the folder's host. Where the engine maps those of agents (see `EngineFacts`), or the
file system keeps access rules of its own beside these, the same bits may mean yes or no: then a no is only a
warning, and a launch tells. Elsewhere a no is certain, and said before anything is started.
"""

import shlex
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from orchestrator.core.errors import InvalidInput

READ, WRITE, ENTER = 4, 2, 1

_VERSION = struct.Struct("<I")
_ENTRY = struct.Struct("<HHI")
_POSIX_LIST = 2
_NOBODY = -1


class Who(IntEnum):
    """Whom an entry of an access list is about, by its number in the kernel's `posix_acl_xattr.h`."""

    OWNER = 0x01
    USER = 0x02
    OWNING_GROUP = 0x04
    GROUP = 0x08
    MASK = 0x10
    OTHERS = 0x20


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; `number` is the uid or gid of a named one."""

    who: Who
    rights: int
    number: int = _NOBODY


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """What decides about a folder; `entries` is empty where the mode says all.

    `other_rules` holds where its file system has an access list of another kind.
    """

    owner: int
    group: int
    mode: int
    entries: tuple[Entry, ...] = ()
    other_rules: bool = False

    def allows(self, number: int, wanted: int) -> bool:
        """Whether the user with the group of the same number, and no power, gets all of `wanted`."""
        return any(rights & wanted == wanted for rights in self._rights(number))

    def _rights(self, number: int) -> list[int]:
        """Those of the first class that the user is in; of several groups one has to give all."""
        entries = self.entries or tuple(_from_mode(self.mode))
        mask = next((e.rights for e in entries if e.who is Who.MASK), READ | WRITE | ENTER)
        if number == self.owner:
            return [e.rights for e in entries if e.who is Who.OWNER]
        if named := [e.rights & mask for e in entries if e.who is Who.USER and e.number == number]:
            return named
        if theirs := [e.rights & mask for e in entries if self._group(e) == number]:
            return theirs
        return [e.rights for e in entries if e.who is Who.OTHERS]

    def _group(self, entry: Entry) -> int:
        """The gid that an entry is about; none, where it is about something else."""
        return {Who.OWNING_GROUP: self.group, Who.GROUP: entry.number}.get(entry.who, _NOBODY)


def judge(path: str, folder: Folder, agent_uid: int, *, maps_users: bool) -> list[str]:
    """Warnings about a workspace that is mounted as it is.

    Raises:
        InvalidInput: the agent certainly cannot come in.
    """
    state = f"it belongs to {folder.owner}:{folder.group} with mode {folder.mode & 0o777:03o}"
    if not folder.allows(agent_uid, READ | ENTER):
        who, mend = f"the agent (uid {agent_uid})", f"{_mend(folder, agent_uid)} {shlex.quote(path)}"
        if maps_users:
            return [f"{who} may be unable to come into {path}: {state}, and this engine maps users"]
        if folder.other_rules:
            return [f"{who} may be unable to come into {path}: {state}, beside access rules of another kind"]
        raise InvalidInput(
            f"{who} may not come into the workspace {path}: {state}",
            hint=f"`{mend}`, or `--branch NAME` for a clone of the agent's own",
        )
    if not folder.allows(agent_uid, WRITE):
        owner = f"{path} belongs to uid {folder.owner}"
        return [f"{owner}; the agent works as uid {agent_uid} and may not write there"]
    return []


def access_list(xattr: bytes) -> tuple[Entry, ...]:
    """The entries in the value of `system.posix_acl_access`; ValueError where it is none of that kind."""
    if len(xattr) < _VERSION.size or _VERSION.unpack_from(xattr) != (_POSIX_LIST,):
        raise ValueError("no POSIX access list of version 2")
    try:
        found = list(_ENTRY.iter_unpack(xattr[_VERSION.size :]))
    except struct.error as exc:
        raise ValueError(f"a torn access list: {exc}") from exc
    return tuple(Entry(Who(who), rights, number) for who, rights, number in found)


def _mend(folder: Folder, number: int) -> str:
    """With an access list, `chmod` might change only what the list allows at most."""
    listed = folder.entries and number != folder.owner
    return f"setfacl -m u:{number}:rx" if listed else "chmod a+rx"


def _from_mode(mode: int) -> Iterator[Entry]:
    yield Entry(Who.OWNER, mode >> 6 & 7)
    yield Entry(Who.OWNING_GROUP, mode >> 3 & 7)
    yield Entry(Who.OTHERS, mode & 7)
