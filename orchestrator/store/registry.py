"""The session registry: one JSON file a session, replaced atomically, claimed under a lock.

Reading takes no lock: a file is whole at any moment. A file that cannot be read is reported and left where
it is; the other sessions work.
"""

import json
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from orchestrator.core.errors import RecordCorrupt, RoleBusy, SessionNotFound, TimedOut
from orchestrator.core.identity import is_session_id
from orchestrator.core.places import Home
from orchestrator.core.ports import BrokenRecord
from orchestrator.core.session import Session
from orchestrator.store import atomic
from orchestrator.store.records import decode, encode

PROJECT_SCHEMA = 1
_PROJECT = re.compile("[0-9a-f]{8}")
LOCK_SECONDS = 10.0


class JsonRegistry:
    """The `Registry` port on `registry/` of a data directory."""

    def __init__(self, home: Home) -> None:
        self._folder = Path(home.registry)
        self._project_file = Path(home.project_file)
        with atomic.writing(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self._folder / ".lock", timeout=LOCK_SECONDS)
        self._project = self._own_project()

    def project_id(self) -> str:
        return self._project

    def sessions(self) -> list[Session]:
        found = [s for s in (self._read(path)[0] for path in self._files()) if s is not None]
        return sorted(found, key=lambda s: (s.created_at, s.session_id))

    def broken(self) -> list[BrokenRecord]:
        reasons = ((path, self._read(path)[1]) for path in self._files())
        return [BrokenRecord(path=str(path), reason=reason) for path, reason in reasons if reason]

    def get(self, session_id: str) -> Session:
        session, reason = self._read(self._path(session_id))
        if reason:
            raise RecordCorrupt(f"{self._path(session_id)}: {reason}", hint="`orchestrator registry rebuild`")
        if session is None:
            raise SessionNotFound(f"there is no session {session_id!r}")
        return session

    def put(self, session: Session) -> None:
        atomic.replace(self._path(session.session_id), encode(session), mode=0o644)

    def claim(self, session: Session, *, another: bool = False) -> None:
        with self._locked():
            self._refuse_busy(session, another=another)
            self.put(session)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with atomic.writing(self._folder):
            try:
                self._lock.acquire()
            except Timeout as exc:
                raise TimedOut(f"the registry is locked: {self._folder / '.lock'}") from exc
        try:
            yield
        finally:
            self._lock.release()

    def _refuse_busy(self, session: Session, *, another: bool) -> None:
        live = [s for s in self.sessions() if s.role == session.role and s.live]
        if live and not another:
            raise RoleBusy(
                f"{session.role} has a live session, {live[0].session_id}",
                hint="`orchestrator send` to it, or launch with `--another`",
            )

    def set_aside(self, path: str) -> str:
        broken = Path(path)
        number = 1
        while (aside := broken.with_name(f"{broken.name}.corrupt-{number}")).exists():
            number += 1
        with atomic.writing(broken):
            broken.rename(aside)
            atomic.sync_folder(self._folder)
        return str(aside)

    def remove(self, session_id: str) -> None:
        with atomic.writing(self._folder):
            self._path(session_id).unlink(missing_ok=True)
            atomic.sync_folder(self._folder)

    def _path(self, session_id: str) -> Path:
        if not is_session_id(session_id):
            raise SessionNotFound(f"there is no session {session_id!r}")
        return self._folder / f"{session_id}.json"

    def _files(self) -> list[Path]:
        return sorted(p for p in self._folder.glob("*.json") if is_session_id(p.stem))

    def _read(self, path: Path) -> tuple[Session | None, str]:
        """The session, or why it cannot be read; neither where the file is gone."""
        try:
            session = decode(path.read_bytes())
        except FileNotFoundError:
            return None, ""
        except RecordCorrupt as exc:
            return None, exc.message
        except OSError as exc:
            return None, exc.strerror or str(exc)
        if session.session_id != path.stem:
            return None, f"it is the record of {session.session_id}"
        return session, ""

    def _own_project(self) -> str:
        with self._locked():
            if known := known_project(self._project_file):
                return known
            project = secrets.token_hex(4)
            value = {"schema": PROJECT_SCHEMA, "project_id": project}
            atomic.replace(self._project_file, json.dumps(value).encode() + b"\n", mode=0o644)
            return project


def known_project(project_file: Path) -> str:
    """The data directory's project id; empty where it has none yet.

    Raises:
        RecordCorrupt: the file cannot be read as one.
    """
    try:
        return _project(project_file.read_bytes())
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, LookupError, TypeError) as exc:
        raise RecordCorrupt(
            f"{project_file} cannot be read: {exc}",
            hint="its project_id stands in the label orchestrator.project of the containers",
        ) from exc


def _project(data: bytes) -> str:
    value = json.loads(data)
    project = value["project_id"]
    if value["schema"] != PROJECT_SCHEMA or not _PROJECT.fullmatch(project):
        raise ValueError(f"{project!r} of schema {value['schema']!r} is no project")
    return str(project)
