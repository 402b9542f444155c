"""The transcript beside the store, and what the next daemon rebuilds from both."""

from orchestrator.core.events import Event
from orchestrator.core.receipt import Delivery
from orchestrator.testing.examples import a_draft
from orchestrator.testing.waiting import until
from tests.integration.delivery_stage import THREAD, Stage, drained, reaches, send, stage

__all__ = ["stage"]


async def test_a_transcript_that_cannot_be_written_stops_nothing(stage: Stage) -> None:
    """Messages go on; it is whole again as soon as it can be."""
    held = await stage.attach()
    transcript = stage.transcript
    transcript.rename(transcript.with_name("aside"))
    transcript.mkdir()
    await reaches(held, await send(held, "one"), Delivery.COMMITTED)
    stage.codex.complete(THREAD)
    await reaches(held, await send(held, "two"), Delivery.COMMITTED)
    transcript.rmdir()
    transcript.with_name("aside").rename(transcript)
    await until(stage.transcript_is_whole)


async def test_a_transcript_that_was_removed_is_written_again(stage: Stage) -> None:
    """From its first line on, while the session goes on."""
    held = await stage.attach()
    await reaches(held, await send(held, "one"), Delivery.COMMITTED)
    stage.transcript.unlink()
    stage.codex.complete(THREAD)
    await reaches(held, await send(held, "two"), Delivery.COMMITTED)
    await until(stage.transcript_is_whole)


async def test_the_next_daemon_knows_what_the_last_one_knew(stage: Stage) -> None:
    """State, queue and transcript are rebuilt from the store."""
    first = await stage.attach()
    await reaches(first, await send(first, "running"), Delivery.COMMITTED)
    queued = [await send(first, f"{n}") for n in range(3)]
    await first.journal.write(a_draft("a note"))
    state = first.journal.state
    await first.close()
    stage.transcript.unlink()
    second = await stage.attach()
    assert second.journal.state == state
    assert [r.message_id for r in second.journal.outbox] == [r.message_id for r in queued]
    assert await stage.transcript_is_whole()


async def test_a_store_that_was_lost_is_declared_and_the_old_transcript_is_kept(stage: Stage) -> None:
    """What codex said is read again from its recording; what only the store knew lies inside a gap."""
    first = await stage.attach()
    await reaches(first, await send(first, "one"), Delivery.COMMITTED)
    await first.close()
    told = stage.transcript.read_bytes()
    await stage.store.forget(first.session.session_id)
    second = await stage.attach()
    [gap] = [e for e in await stage.events() if e.draft.type == Event.GAP]
    assert gap.draft.data["last_seq"] == told.count(b"\n")
    assert gap.draft.data["kept_in"] == f"{stage.transcript}.aside-1"
    assert stage.transcript.with_name(f"{stage.transcript.name}.aside-1").read_bytes() == told
    await until(lambda: drained(second))
    assert await stage.said(Event.USER_MESSAGE) == ["one"]
    assert await stage.transcript_is_whole()
