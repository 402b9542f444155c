"""The message that a session is launched with: in the outbox before anybody holds the session."""

from orchestrator.core.envelope import timestamp
from orchestrator.core.receipt import Mode, Receipt, Route
from orchestrator.core.routing import check_message
from orchestrator.core.session import Session
from orchestrator.sessions.settle import announce
from orchestrator.sessions.world import World


async def queue_first(world: World, session: Session, text: str, sender: str) -> str:
    """Store it for whoever holds the session first; its id.

    So a daemon that dies once the session runs loses no task, and a launch that cannot store it fails.

    Raises:
        InvalidInput: empty, or longer than codex takes.
        StoreUnwritable, TimedOut: it is not stored.
    """
    now = timestamp(world.clock.now())
    receipt = Receipt(
        message_id=world.message_id(),
        session_id=session.session_id,
        position=world.clock.now(),
        sender=sender,
        text=check_message(text),
        mode=Mode.QUEUE,
        wish=Route.AUTO,
        created_at=now,
        updated_at=now,
    )
    await world.store.append(session, [announce(receipt, now)], receipts=[receipt])
    return receipt.message_id
