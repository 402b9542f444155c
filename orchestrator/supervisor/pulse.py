"""Whether a part that lives still answers. It is reported and asked on, never killed: what hangs may go on.

Two misses in a row count, each of `PATIENCE`: after a pause of the whole container its deadlines have
passed before any answer could be read, which is one miss and no silence. An answer takes milliseconds; a
machine that swaps, or a disk that stalls, can hold one up for seconds. So silence is known some ten to
twenty seconds after it began, soon after a command to the same app-server gives up (10 s).
"""

import asyncio
from dataclasses import dataclass

from orchestrator.codex_connection.peer import Connection
from orchestrator.core.errors import ConnectionLost, TimedOut
from orchestrator.supervisor.first_of import for_ever
from orchestrator.supervisor.recorder import Recorder
from orchestrator.supervisor.status import StatusBoard

EVERY = 5.0
PATIENCE = 5.0
MISSES = 2


@dataclass(frozen=True, slots=True)
class Silence:
    """How many answers in a row are missing."""

    misses: int = 0

    @property
    def known(self) -> bool:
        return self.misses >= MISSES

    def after(self, *, answered: bool) -> "Silence":
        return Silence(0 if answered else self.misses + 1)


class Pulse:
    """One part's silence, told in the recording and in `status.json` when it begins and when it ends."""

    def __init__(self, part: str, recorder: Recorder, board: StatusBoard) -> None:
        self._part = part
        self._recorder = recorder
        self._board = board
        self._silence = Silence()

    def beat(self, *, answered: bool) -> None:
        """Take note of one answer, or of one that did not come in time."""
        was, self._silence = self._silence, self._silence.after(answered=answered)
        if self._silence.known == was.known:
            return
        others = {part: since for part, since in self._board.current.silent.items() if part != self._part}
        if self._silence.known:
            self._recorder.say("silent", part=self._part, why=f"{self._part} does not answer")
            self._board.update(silent={**others, self._part: self._board.time()})
        else:
            self._recorder.say("answers", part=self._part)
            self._board.update(silent=others)

    async def ask(self, connection: Connection) -> None:
        """Ask the app-server for next to nothing, again and again, on the recorder's own connection."""
        try:
            while True:
                self.beat(answered=await _answers(connection))
                await asyncio.sleep(EVERY)
        except ConnectionLost:
            await for_ever()  # whoever reads the connection learns it, and what was said before


async def _answers(connection: Connection) -> bool:
    try:
        await connection.call("thread/loaded/list", {"limit": 1}, timeout=PATIENCE)
    except TimedOut:
        return False
    return True
