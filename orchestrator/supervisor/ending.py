"""How the supervisor ends: its exit codes, and why it would refuse to begin. Pure decisions.

The engine's restart policy reads the codes: 0 stays down, everything else is started again.
"""

from dataclasses import dataclass
from enum import IntEnum

from orchestrator.core.session import Desired

#: For what codex's own configuration forbids: it is the same at every start until somebody changes it.
WHAT_TO_MEND = (
    "put codex's configuration right and run `orchestrator resume-all`, or launch with what it allows"
)
#: For a thread that is lost or refused: no start of ours mends it, and nothing of it has been changed.
WHAT_TO_DO = "nothing was changed: put codex's files and thread.json back, then run `orchestrator resume-all`"


class Code(IntEnum):
    """What the container exits with."""

    STAY_DOWN = 0
    FAILURE = 70
    TERMINATED = 143


@dataclass(frozen=True, slots=True)
class Ending:
    """An exit code, the reason for it, and what was noteworthy on the way out."""

    code: Code
    why: str
    details: tuple[str, ...] = ()
    failed: bool = False


class Fatal(Exception):
    """The supervisor cannot go on; `ending` says how it ends."""

    def __init__(self, why: str, code: Code = Code.FAILURE) -> None:
        super().__init__(why)
        self.ending = Ending(code, why, failed=True)


class Hopeless(Fatal):
    """The next start would fail in the same way: the container stays down until a person has looked."""

    def __init__(self, why: str) -> None:
        super().__init__(why, Code.STAY_DOWN)


def at_start(desired: Desired) -> Ending | None:
    """An order to stand still, found at the start, ends it at once: the engine revived what was stopped."""
    if desired is Desired.RUNNING:
        return None
    return Ending(Code.STAY_DOWN, f"started although it is to be {desired}")


def at_signal(desired: Desired | None) -> Ending:
    """A SIGTERM is obeyed always; only with an order to stop does it count as wanted. None: unreadable."""
    if desired is None or desired is Desired.RUNNING:
        return Ending(Code.TERMINATED, "SIGTERM without an order to stop")
    return Ending(Code.STAY_DOWN, f"ordered to be {desired}")


def check_thread(kept: str | None, ordered: str, recorded: int) -> str:
    """The thread to resume; empty for a new one. `kept` is `thread.json`'s word, None where it is missing.

    Raises:
        Hopeless: there was a thread and nobody knows which: a new one in its place would hide the loss.
    """
    if kept:
        return kept
    if ordered:
        raise Hopeless(f"thread.json does not name a thread, and the session has {ordered}; {WHAT_TO_DO}")
    if kept is None and recorded:
        raise Hopeless(f"thread.json is missing, and the recording has {recorded} lines; {WHAT_TO_DO}")
    return ""
