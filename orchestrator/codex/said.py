"""One line of the recording with what every translation needs of it: whose thread, which turn, what time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.codex.bounds import EXCERPT, clean, excerpt, fit
from orchestrator.codex.payload import Payload, mapping, text, whole
from orchestrator.codex.recording import Line, Source
from orchestrator.core.envelope import Direction, Draft, timestamp
from orchestrator.core.events import Event

#: Marks what a thread other than the session's own said; such drafts never move the session's activity.
SUBAGENT = "subagent"

#: The last moment that RFC 3339 can write.
_LAST = 253_402_300_799_999_999
#: Lines that were written later than what they tell of.
_LATE = frozenset({Source.BACKFILL, Source.ROLLOUT, Source.SYNTHETIC})


@dataclass(frozen=True, slots=True)
class Said:
    """A line and the thread that is the session's own (empty while it is not known)."""

    line: Line
    main_thread: str

    @property
    def params(self) -> Payload:
        return self.line.params

    @property
    def item(self) -> Payload:
        return mapping(self.params.get("item"))

    @property
    def turn(self) -> Payload:
        return mapping(self.params.get("turn"))

    @property
    def completed(self) -> bool:
        return self.line.method.endswith("/completed")

    @property
    def late(self) -> bool:
        return self.line.source in _LATE

    @property
    def thread_id(self) -> str:
        """The thread that the line tells of; old-style requests call it a conversation."""
        thread = text(mapping(self.params.get("thread")), "id")
        return text(self.params, "threadId") or thread or text(self.params, "conversationId")

    @property
    def foreign(self) -> bool:
        """Whether another thread than the session's own said it: a sub-agent's, or a side request's."""
        ours = self.line.source is Source.SUPERVISOR or not self.main_thread
        return not ours and bool(self.thread_id) and self.thread_id != self.main_thread

    def draft(
        self,
        event: Event,
        said: str = "",
        *,
        direction: Direction = Direction.SYSTEM,
        data: Mapping[str, Any] | None = None,
        message: Mapping[str, str] | None = None,
        whole_text: bool = False,
        requires_operator: bool = False,
        tags: tuple[str, ...] = (),
    ) -> Draft:
        """An event of this line. Text and data are cut to size; `message` is added to the data whole."""
        own = {"thread_id": self.thread_id} if self.foreign else {}
        kept = {key: clean(value) for key, value in (message or {}).items()}
        return Draft(
            timestamp=timestamp(self._when()),
            type=event,
            direction=direction,
            turn_id=excerpt(clean(text(self.params, "turnId") or text(self.turn, "id")), EXCERPT),
            item_id=excerpt(clean(text(self.params, "itemId") or text(self.item, "id")), EXCERPT),
            requires_operator=requires_operator,
            tags=(*self._tags(), *tags),
            text=clean(said) if whole_text else excerpt(clean(said), EXCERPT),
            data={**fit({**own, **(data or {})}), **kept},
        )

    def _tags(self) -> tuple[str, ...]:
        source = (self.line.source.value,) if self.late else ()
        return (*source, SUBAGENT) if self.foreign else source

    def _when(self) -> int:
        """Microseconds; a late line tells of the time at which it happened, where its payload has one."""
        happened = self._happened() if self.late else None
        moment = self.line.t if happened is None or not 0 < happened <= _LAST else happened
        return min(max(moment, 0), _LAST)

    def _happened(self) -> int | None:
        for payload, key, unit in (
            (self.params, "completedAtMs" if self.completed else "startedAtMs", 1000),
            (self.turn, "completedAt" if self.completed else "startedAt", 1_000_000),
            (self.params, "startedAtMs", 1000),
            (self.params, "emittedAtMs", 1000),
            (self.line.message, "emittedAtMs", 1000),
        ):
            value = whole(payload, key)
            if value is not None:
                return value * unit
        return None
