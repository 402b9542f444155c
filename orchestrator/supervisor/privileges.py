"""Who is who inside the container: root with three capabilities, the agent with none.

Root here may not read what is not its own. Where it has to, it borrows the agent's file-system ids for one
system call: unlike a change of all ids, that never makes it killable by the agent.
"""

import ctypes
import os
import pwd
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from orchestrator.core import places

_libc = ctypes.CDLL(None, use_errno=True)
_ASK = -1


@dataclass(frozen=True, slots=True)
class Agent:
    """The user that everything but the supervisor runs as."""

    uid: int
    gid: int

    @contextmanager
    def borrowed(self) -> Iterator[None]:
        """The agent's file-system ids for this thread; there must be no `await` inside."""
        _set_ids(self.uid, self.gid)
        try:
            yield
        finally:
            _set_ids(os.geteuid(), os.getegid())

    def enter(self, folder: str) -> None:
        """Go there by the agent's right, for ourselves and all that is started: root's own may not suffice.

        Raises:
            OSError: it may not go there, or there is no such folder.
        """
        with self.borrowed():
            os.chdir(folder)


def _set_ids(uid: int, gid: int) -> None:
    _libc.setfsgid(gid)
    _libc.setfsuid(uid)
    if (_libc.setfsuid(_ASK), _libc.setfsgid(_ASK)) != (uid, gid):
        raise PermissionError("the file-system ids cannot be changed: the supervisor needs SETUID and SETGID")


def agent() -> Agent:
    entry = pwd.getpwnam(places.AGENT_USER)
    return Agent(entry.pw_uid, entry.pw_gid)


def environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """The agent's environment: built anew, nothing of root's but where programs are found."""
    return {
        "PATH": inherited.get("PATH", os.defpath),
        "HOME": places.AGENT_HOME,
        "CODEX_HOME": places.CODEX_HOME,
        "USER": places.AGENT_USER,
        "LOGNAME": places.AGENT_USER,
        "SHELL": "/bin/bash",
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
    }
