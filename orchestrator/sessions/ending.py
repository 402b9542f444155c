"""What becomes of the messages of a session that ends: each gets an end that is true."""

from orchestrator.core.receipt import Delivery
from orchestrator.core.session import Session
from orchestrator.sessions.journal import Journal
from orchestrator.sessions.world import World

IN_FLIGHT = "the session ended while it was on its way"
NEVER_WENT = "the session was stopped before it went"
_ON_THE_WAY = frozenset({Delivery.WRITTEN, Delivery.ACCEPTED})


async def settle_ended(journal: Journal) -> None:
    """What was on its way is unknown, until the recorder proves it after all.

    What still waits goes on waiting where the session is wanted: its next start delivers it. A session that
    was told to stop never starts again, so there it failed.
    """
    for receipt in journal.outbox:
        if receipt.state in _ON_THE_WAY:
            await journal.move(receipt.message_id, Delivery.UNKNOWN, reason=IN_FLIGHT)
        elif receipt.state is Delivery.QUEUED and not journal.session.live:
            await journal.move(receipt.message_id, Delivery.FAILED, reason=NEVER_WENT)


async def settle_unheld(world: World, session: Session) -> None:
    """The same for a session that no task holds: it ended by itself before it was told to stop."""
    if await world.store.receipts(session.session_id, open_only=True):
        journal = Journal(world, session)
        await journal.load()
        await settle_ended(journal)
