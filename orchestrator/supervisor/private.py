"""The private folder, behind a door that only root passes: JSON files and the recorder's log.

Its files belong to the host's user, so each one is opened with borrowed ids, relative to a handle of the
folder that was taken while still root.
"""

import json
import os
from collections.abc import Mapping
from typing import Any

from orchestrator.core import places
from orchestrator.supervisor.privileges import Agent

_OWNER_ONLY = 0o600


class PrivateFolder:
    """Reading, atomic replacing, and opening for append. Writes are made durable only where asked."""

    def __init__(self, agent: Agent, path: str = places.PRIVATE) -> None:
        self._agent = agent
        self._folder = os.open(path, os.O_PATH | os.O_DIRECTORY)

    def read_json(self, name: str) -> dict[str, Any] | None:
        """The object in that file; None where there is no such file.

        Raises:
            ValueError: it holds something else.
        """
        try:
            data = self._read(name)
        except FileNotFoundError:
            return None
        value = json.loads(data)
        if not isinstance(value, dict):
            raise ValueError(f"{name} holds no object")  # noqa: TRY004 - one error for all that is unreadable
        return value

    def write_json(self, name: str, value: Mapping[str, Any], *, durable: bool = False) -> None:
        """Replace the file in one step. `durable` waits until it would survive a power cut."""
        data = json.dumps(value, ensure_ascii=False, indent=1).encode("utf-8", "replace") + b"\n"
        fresh = f".{name}.new"
        with self._agent.borrowed():
            fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNER_ONLY, dir_fd=self._folder)
            with os.fdopen(fd, "wb") as file:
                file.write(data)
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            os.rename(fresh, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)

    def open_log(self, name: str) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        with self._agent.borrowed():
            return os.open(name, flags, _OWNER_ONLY, dir_fd=self._folder)

    def _read(self, name: str) -> bytes:
        with self._agent.borrowed():
            fd = os.open(name, os.O_RDONLY, dir_fd=self._folder)
        with os.fdopen(fd, "rb") as file:
            return file.read()
