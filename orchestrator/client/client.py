"""The daemon's API as Python calls: one method a route, a data directory's daemon behind each.

A call starts the daemon where none listens. No call is ever repeated by itself, except where the
question changes nothing: waiting for a receipt, and following a stream from its last `seq`.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, urlencode

from orchestrator.client import answers
from orchestrator.client.autostart import Starting, check_socket, ensure_daemon
from orchestrator.client.connection import (
    Request,
    ask,
    ask_bytes,
    ask_lines,
    ask_with_headers,
    ask_with_progress,
)
from orchestrator.core.errors import DaemonUnreachable, ReceiptNotFound, SessionNotFound
from orchestrator.daemon import home as places

Progress = Callable[[str], None]

#: Between two lines of a progress stream an image may be built.
PROGRESS_SECONDS = 900.0
#: An event stream has a heartbeat every ten seconds.
HEARTBEAT_SECONDS = 35.0
#: `api.sessions.UNREADABLE_HEADER`, as it comes here.
UNREADABLE_HEADER = "x-orchestrator-unreadable"


def _silent(_: str) -> None:
    """Progress that nobody wants to see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The sessions that were asked for, and the number of records that cannot be read."""

    sessions: list[answers.SessionView]
    unreadable: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """The daemon of one data directory; `start` says whether a call may start it, within `starting`."""

    home: Path
    start: bool = True
    starting: Starting = nullcontext

    @classmethod
    def here(cls, home: str | None = None) -> "Client":
        """For the data directory that a command typed here would use."""
        return cls(home=places.resolve_home(home, os.environ, Path.cwd()))

    def socket(self) -> Path:
        if not self.start:
            return places.listening_at(self.home)
        return ensure_daemon(self.home, starting=self.starting)

    # The daemon itself: answered across versions, and never a reason to start one.

    def daemon(self) -> answers.DaemonAnswer:
        return cast("answers.DaemonAnswer", ask(self._there(), self._any_version("GET", "/v1/daemon")))

    def stop_daemon(self) -> None:
        ask(self._there(), self._any_version("POST", "/v1/daemon/stop"))

    # What changes something. `dry_run` answers with the plan instead.

    def launch(
        self, request: answers.LaunchRequest, *, dry_run: bool = False, progress: Progress = _silent
    ) -> answers.LaunchAnswer | answers.Plan:
        body = {"another": False, "secrets": {}, **request, "dry_run": dry_run}
        asked = Request(method="POST", path="/v1/sessions", body=body, seconds=PROGRESS_SECONDS)
        return cast("answers.LaunchAnswer | answers.Plan", ask_with_progress(self.socket(), asked, progress))

    def launch_all(
        self,
        options: Mapping[str, Any] | None = None,
        *,
        dry_run: bool = False,
        progress: Progress = _silent,
    ) -> list[answers.LaunchAllAnswer] | answers.Plan:
        """Launch every role of the settings; `options` as of `launch`, without role, prompt and another."""
        body = {**(options or {}), "dry_run": dry_run}
        asked = Request(method="POST", path="/v1/launch-all", body=body, seconds=PROGRESS_SECONDS)
        answer = ask_with_progress(self.socket(), asked, progress)
        return cast("list[answers.LaunchAllAnswer] | answers.Plan", answer)

    def send(self, selector: str, message: Mapping[str, Any]) -> answers.ReceiptView | answers.Plan:
        """Put a message into the session's queue; the receipt says where it is at this moment."""
        return cast("answers.ReceiptView | answers.Plan", self._post(f"{_at(selector)}/input", message))

    def interrupt(self, selector: str, *, dry_run: bool = False) -> answers.InterruptAnswer | answers.Plan:
        answer = self._post(f"{_at(selector)}/interrupt", {"dry_run": dry_run})
        return cast("answers.InterruptAnswer | answers.Plan", answer)

    def stop(self, selector: str, *, dry_run: bool = False) -> answers.StopAnswer | answers.Plan:
        answer = self._post(f"{_at(selector)}/stop", {"dry_run": dry_run})
        return cast("answers.StopAnswer | answers.Plan", answer)

    def remove(
        self, selector: str, *, force: bool = False, purge: bool = False, dry_run: bool = False
    ) -> answers.RemoveAnswer | answers.Plan:
        path = _with(_at(selector), force=force, purge=purge, dry_run=dry_run)
        asked = Request(method="DELETE", path=path, seconds=PROGRESS_SECONDS)
        return cast("answers.RemoveAnswer | answers.Plan", ask(self.socket(), asked))

    def resume_all(
        self, *, dry_run: bool = False, progress: Progress = _silent
    ) -> list[answers.ResumeAnswer] | answers.Plan:
        asked = Request(
            method="POST", path="/v1/resume-all", body={"dry_run": dry_run}, seconds=PROGRESS_SECONDS
        )
        answer = ask_with_progress(self.socket(), asked, progress)
        return cast("list[answers.ResumeAnswer] | answers.Plan", answer)

    def rebuild_registry(self, *, dry_run: bool = False) -> answers.RebuildAnswer | answers.Plan:
        answer = self._post("/v1/registry/rebuild", {"dry_run": dry_run})
        return cast("answers.RebuildAnswer | answers.Plan", answer)

    # What only looks.

    def sessions(self, *, everything: bool = False) -> list[answers.SessionView]:
        return self.listing(everything=everything).sessions

    def listing(self, *, everything: bool = False) -> Listing:
        """The sessions, and how many more there may be whose records cannot be read."""
        asked = Request(method="GET", path=_with("/v1/sessions", all=everything))
        found, headers = ask_with_headers(self.socket(), asked)
        unreadable = int(headers.get(UNREADABLE_HEADER, 0))
        return Listing(sessions=cast("list[answers.SessionView]", found), unreadable=unreadable)

    def session(self, selector: str) -> answers.SessionView:
        return cast("answers.SessionView", self._get(_at(selector)))

    def receipt(self, message_id: str, *, wait: str, seconds: float) -> answers.ReceiptView:
        """The receipt as soon as it is what is waited for, or as it is when the time is over."""
        if not _is_segment(message_id):
            raise ReceiptNotFound(f"no message has the id {message_id!r}")
        path = _with(f"/v1/receipts/{quote(message_id, safe='')}", wait=wait, timeout=seconds)
        asked = Request(method="GET", path=path, seconds=seconds + HEARTBEAT_SECONDS)
        return cast("answers.ReceiptView", ask(self.socket(), asked))

    def snapshot(
        self, selector: str, *, lines: int | None = None, full: bool = False
    ) -> answers.SnapshotAnswer:
        answer = self._get(f"{_at(selector)}/snapshot", lines=lines, full=full)
        return cast("answers.SnapshotAnswer", answer)

    def events(self, selector: str, *, since_seq: int = 0, limit: int = 500) -> answers.EventsPage:
        answer = self._get(f"{_at(selector)}/events", since_seq=since_seq, limit=limit)
        return cast("answers.EventsPage", answer)

    def follow_events(self, selector: str, *, since_seq: int = 0) -> Iterator[answers.EnvelopeView]:
        """Envelopes until the session stops; a broken connection raises `ConnectionLost`."""
        path = _with(f"{_at(selector)}/events", since_seq=since_seq, follow=True)
        return ask_lines(self.socket(), Request(method="GET", path=path, seconds=HEARTBEAT_SECONDS))

    def log(self, selector: str, *, follow: bool = False) -> Iterator[bytes]:
        """The raw bytes of the pane."""
        asked = Request(method="GET", path=_with(f"{_at(selector)}/log", follow=follow))
        return ask_bytes(self.socket(), replace(asked, seconds=None) if follow else asked)

    def attach(self, selector: str, *, read_only: bool = False) -> list[str]:
        answer: answers.AttachAnswer = self._get(f"{_at(selector)}/attach", read_only=read_only)
        return answer["argv"]

    def verify_registry(self) -> answers.VerifyAnswer:
        return cast("answers.VerifyAnswer", self._get("/v1/registry/verify"))

    def doctor(self) -> answers.DoctorAnswer:
        return cast("answers.DoctorAnswer", self._get("/v1/doctor"))

    def _get(self, path: str, **query: object) -> Any:
        return ask(self.socket(), Request(method="GET", path=_with(path, **query)))

    def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        return ask(self.socket(), Request(method="POST", path=path, body=body, seconds=PROGRESS_SECONDS))

    def _there(self) -> Path:
        path = places.listening_at(self.home)
        if not path.exists():
            check_socket(self.home)
            raise DaemonUnreachable(
                f"no daemon runs for {self.home}", hint="`orchestrator daemon start` starts it"
            )
        return path

    def _any_version(self, method: str, path: str) -> Request:
        """A request in the daemon's own version, so that an older or newer one answers it."""
        asked = Request(method=method, path=path)
        record = places.read_daemon_record(self.home)
        return replace(asked, version=record.version) if record else asked


def _at(selector: str) -> str:
    if not _is_segment(selector):
        raise SessionNotFound(
            f"no session is called {selector!r}", hint="`orchestrator ps --all` lists the sessions"
        )
    return f"/v1/sessions/{quote(selector, safe='')}"


def _is_segment(name: str) -> bool:
    """Whether a path can name it; anything else would reach another route."""
    return bool(name) and "/" not in name and name not in {".", ".."}


def _with(path: str, **query: object) -> str:
    """The path with its query; what is None is left out, booleans are JSON's words."""
    given = {key: str(value).lower() if isinstance(value, bool) else value for key, value in query.items()}
    wanted = {key: value for key, value in given.items() if value is not None}
    return f"{path}?{urlencode(wanted)}" if wanted else path
