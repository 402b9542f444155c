"""Plans in the adapters' own words: what a supervisor does, what a message or an interruption would do."""

import json
import shlex
from collections.abc import Sequence
from typing import Any

from orchestrator.codex import requests
from orchestrator.core.errors import RouteRefused
from orchestrator.core.places import APP_SOCKET, TMUX_SOCKET, WINDOW, WORK
from orchestrator.core.policies import Approval
from orchestrator.core.receipt import Delivery, Mode, Receipt, Route
from orchestrator.core.routing import why_not_typed
from orchestrator.core.session import Session
from orchestrator.sessions.deliver import check_words
from orchestrator.sessions.fleet import Fleet
from orchestrator.sessions.input import plan_input
from orchestrator.sessions.queueing import URGENT, check_queue, free_now
from orchestrator.sessions.step import Step
from orchestrator.supervisor import order, thread
from orchestrator.terminal import commands

#: What stands where codex, or the store, will give an id.
NEW_THREAD = "THREAD"
MESSAGE = "MESSAGE"


def supervised(session: Session) -> list[Step]:
    """What the supervisor does in a new container: app-server, thread, screen."""
    wanted = order.Order(
        session_id=session.session_id,
        role=session.role,
        desired=session.desired,
        cwd=WORK,
        model=session.policies.model,
        reasoning=session.policies.reasoning,
        sandbox=session.policies.sandbox,
        approval=session.policies.approval,
        developer_instructions=session.policies.developer_instructions,
        thread_id="",
    )
    show = f"exec codex resume --remote unix://{APP_SOCKET} -C {WORK} {NEW_THREAD}"
    session_of_tmux = ["tmux", "-S", TMUX_SOCKET, "new-session", "-d", "-s", session.session_id, "-n", WINDOW]
    return [
        Step("codex", f"codex app-server --listen unix://{APP_SOCKET}"),
        Step("codex", _call("thread/start", thread.start_params(wanted))),
        Step("tmux", shlex.join([*session_of_tmux, show])),
    ]


def prompt(session: Session, text: str) -> list[Step]:
    """The first message: a screen that has just been drawn is not typed into."""
    reason = why_not_typed(text) or (
        "a dialog may open, and Enter would answer it"
        if session.policies.approval is not Approval.NEVER
        else "codex's screen has only just been drawn; once it has stood for a second it would be typed"
    )
    return [
        Step("codex", f"first message by route auto, not typed: {reason}"),
        *(Step("codex", line) for line in start_turn(session.thread_id or NEW_THREAD, text)),
    ]


def start_turn(thread_id: str, text: str) -> list[str]:
    return [
        "route app-server: handed to codex whole",
        _call("turn/start", requests.turn_start(thread_id, text, MESSAGE)),
        _text(text),
    ]


def paste(session_id: str, text: str) -> list[str]:
    """The lines that tmux is told, as they are."""
    pieces = len(commands.pieces(text))
    how = f"in {pieces} piece{'s' * (pieces > 1)}, and Enter"
    lines = commands.paste_commands(session_id, text, "message")
    return [f"route tmux: typed into codex's screen {how}", *lines, _text(text)]


def interruption(session: Session, turn_id: str) -> list[Step]:
    """The end of a running turn, and of what it left running; none where no turn runs."""
    if not turn_id:
        return []
    thread_id = session.thread_id
    return [
        Step("codex", _call("turn/interrupt", requests.turn_interrupt(thread_id, turn_id))),
        Step("codex", _call("thread/backgroundTerminals/clean", requests.clean_terminals(thread_id))),
    ]


async def plan_send(
    fleet: Fleet, session: Session, text: str, *, mode: Mode, wish: Route, sender: str, system: bool
) -> list[Step]:
    """What would become of this message now; it refuses what `Deliverer.accept` does.

    Raises:
        InvalidInput: empty, or longer than codex takes.
        SessionBusy: mode `if-idle`, and it would have to wait.
        RateLimited: too many messages wait already.
        RouteRefused: tmux was asked for, and typing could not carry it.
        SessionNotRunning: nobody holds it.
    """
    journal = (await fleet.hold(session)).journal
    whole = check_words(text, wish, sender, system=system)
    check_queue(journal.outbox, journal.state, mode, fleet.world.rules.queue_limit)
    if free_now(journal.outbox, journal.state):
        return await plan_input(fleet, session, text, wish, sender=sender, system=system)
    turn_id = journal.state.turn_id if journal.state.activity.in_turn else ""
    steps = [Step("files", f"queue the message {_behind(journal.outbox, turn_id, mode)}")]
    if mode is Mode.STEER and turn_id:
        if wish is Route.TMUX:
            raise RouteRefused("a running turn is steered through the app-server only")
        params = requests.turn_steer(session.thread_id, turn_id, whole, MESSAGE)
        lines = ("route app-server: into the running turn", _call("turn/steer", params), _text(whole))
        return [*steps, *(Step("codex", line) for line in lines)]
    if mode is Mode.INTERRUPT:
        steps += interruption(session, turn_id)
    return [*steps, Step("codex", f"then, by route {wish}: {_text(whole)}")]


def _behind(outbox: Sequence[Receipt], turn_id: str, mode: Mode) -> str:
    urgent = mode in URGENT
    ahead = sum(r.state is not Delivery.UNKNOWN and (not urgent or r.mode in URGENT) for r in outbox)
    turn = f"turn {turn_id}" if turn_id and not urgent else ""
    others = f"{ahead} message{'s' * (ahead > 1)}" if ahead else ""
    found = " and ".join(part for part in (turn, others) if part)
    return f"behind {found}" if found else "before all others"


def _call(method: str, params: dict[str, Any]) -> str:
    return f"{method} {json.dumps(params, ensure_ascii=False)}"


def _text(text: str) -> str:
    return f"the text, {len(text):,} character{'s' * (len(text) != 1)}: {text}"
