"""The codex twin behaves as the port says, and records what a recorder would have written."""

from typing import Any

import pytest

from orchestrator.codex.recording import Source, decode
from orchestrator.codex.translate import translate
from orchestrator.core.errors import CodexRefused, ConnectionLost
from orchestrator.core.events import Event
from orchestrator.testing.codex import MemoryCodex
from orchestrator.testing.terminal import MemoryTerminal

THREAD = "thread-1"


class Log:
    """A recording in memory."""

    def __init__(self) -> None:
        self.data: list[bytes] = []

    def methods(self) -> list[str]:
        return [decode(line).method for line in self.data]

    def params(self, method: str) -> list[dict[str, Any]]:
        return [line.params for line in map(decode, self.data) if line.method == method]

    def events(self) -> list[str]:
        return [draft.type for line in self.data for draft in translate(decode(line), THREAD)]


@pytest.fixture
def log() -> Log:
    return Log()


def twin(log: Log, *, manual: bool = False) -> MemoryCodex:
    codex = MemoryCodex(log.data.append, manual=manual)
    codex.open_thread(THREAD)
    log.data.clear()
    return codex


def test_a_thread_is_opened_in_the_supervisors_words(log: Log) -> None:
    """Lines count from one, and the supervisor is their source."""
    MemoryCodex(log.data.append).open_thread(THREAD, how="resumed")
    lines = [decode(line) for line in log.data]
    assert [line.n for line in lines] == [1, 2, 3]
    assert {line.source for line in lines} == {Source.SUPERVISOR}
    assert lines[0].params == {"threadId": THREAD, "how": "resumed"}


async def test_a_turn_is_recorded_as_codex_tells_it(log: Log) -> None:
    """The message with its client id, the answer, tokens, status and the end, in codex's order."""
    codex = twin(log)
    turn = await codex.start_turn(THREAD, "hello", "m1")
    assert log.methods() == [
        "thread/status/changed", "turn/started", "item/started", "item/completed", "item/started",
        "item/completed", "thread/tokenUsage/updated", "thread/status/changed", "turn/completed",
    ]  # fmt: skip
    message, answer = (params["item"] for params in log.params("item/completed"))
    assert (message["clientId"], message["content"][0]["text"]) == ("m1", "hello")
    assert answer["text"] == "dry run: hello"
    [ended] = log.params("turn/completed")
    assert (ended["turn"]["id"], ended["turn"]["status"]) == (turn, "completed")
    assert (await codex.status(THREAD)).kind == "idle"


async def test_the_recording_reads_as_events(log: Log) -> None:
    """The translation finds in it what it finds in codex's own."""
    await twin(log).start_turn(THREAD, "hello", "m1")
    wanted = {
        Event.TURN_STARTED,
        Event.USER_MESSAGE,
        Event.AGENT_MESSAGE,
        Event.TOKEN_USAGE,
        Event.TURN_COMPLETED,
    }
    assert wanted <= set(log.events())
    assert Event.CODEX not in log.events()


async def test_a_manual_turn_runs_until_it_is_ended(log: Log) -> None:
    """Meanwhile the thread is active, and a second message goes into the same turn."""
    codex = twin(log, manual=True)
    turn = await codex.start_turn(THREAD, "one", "m1")
    status = await codex.status(THREAD)
    assert (status.kind, status.turn_id) == ("active", turn)
    assert await codex.start_turn(THREAD, "two", "m2") == turn
    codex.complete(THREAD)
    assert log.params("item/completed")[-1]["item"]["text"] == "dry run: two"
    assert (await codex.status(THREAD)).kind == "idle"
    with pytest.raises(LookupError):
        codex.complete(THREAD)


async def test_steering_names_the_turn_that_it_means(log: Log) -> None:
    """The running turn takes it; another one, or none, refuses it in codex's words."""
    codex = twin(log, manual=True)
    with pytest.raises(CodexRefused, match="no active turn"):
        await codex.steer(THREAD, "none", "early", "m0")
    turn = await codex.start_turn(THREAD, "one", "m1")
    assert await codex.steer(THREAD, turn, "two", "m2") == turn
    with pytest.raises(CodexRefused, match="expected active turn"):
        await codex.steer(THREAD, "another", "three", "m3")


async def test_an_interrupt_ends_the_turn_that_it_names(log: Log) -> None:
    """Without an answer; a turn that does not run is left in peace."""
    codex = twin(log, manual=True)
    await codex.interrupt(THREAD, "none")
    turn = await codex.start_turn(THREAD, "one", "m1")
    await codex.interrupt(THREAD, "another")
    assert (await codex.status(THREAD)).turn_id == turn
    await codex.interrupt(THREAD, turn)
    assert log.params("turn/completed")[-1]["turn"]["status"] == "interrupted"
    assert Event.AGENT_MESSAGE not in log.events()


async def test_a_failed_turn_leaves_a_system_error(log: Log) -> None:
    """As codex: the thread says so, and the next turn works."""
    codex = twin(log, manual=True)
    await codex.start_turn(THREAD, "one", "m1")
    codex.complete(THREAD, status="failed")
    assert (await codex.status(THREAD)).kind == "systemError"
    await codex.start_turn(THREAD, "two", "m2")
    assert (await codex.status(THREAD)).kind == "active"


async def test_a_turn_can_wait_on_somebody(log: Log) -> None:
    """The flags are in the status and in the recording."""
    codex = twin(log, manual=True)
    await codex.start_turn(THREAD, "one", "m1")
    codex.wait_for(THREAD, "waitingOnApproval")
    assert (await codex.status(THREAD)).flags == ("waitingOnApproval",)
    assert log.params("thread/status/changed")[-1]["status"]["activeFlags"] == ["waitingOnApproval"]


async def test_unknown_threads_are_refused_and_failures_happen_once(log: Log) -> None:
    """A thread must be opened first; `next_failure` hits one call only."""
    codex = twin(log)
    with pytest.raises(CodexRefused):
        await codex.start_turn("nowhere", "x", "m1")
    codex.next_failure = ConnectionLost()
    with pytest.raises(ConnectionLost):
        await codex.start_turn(THREAD, "x", "m1")
    assert await codex.start_turn(THREAD, "x", "m1")


async def test_what_is_pasted_becomes_a_message_with_an_id_of_the_screen_s_own(log: Log) -> None:
    """The terminal's twin, given the codex twin, makes a user message of each paste."""
    codex = twin(log)
    terminal = MemoryTerminal(lambda text: codex.typed(THREAD, text))
    await terminal.paste("typed")
    item = log.params("item/completed")[0]["item"]
    assert item["content"][0]["text"] == "typed"
    assert item["clientId"]


async def test_a_failure_of_the_terminal_types_nothing() -> None:
    """`next_failure` hits one call, and nothing is on the screen after it."""
    terminal = MemoryTerminal()
    terminal.next_failure = ConnectionLost(ambiguous=True)
    with pytest.raises(ConnectionLost):
        await terminal.paste("x")
    assert terminal.pasted == []
    await terminal.paste("y")
    assert await terminal.capture(None) == "y"
