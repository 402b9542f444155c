"""`orchestrator send`: a message with a receipt, and the exit code that says how far it came."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import click

from orchestrator.cli import kinds
from orchestrator.cli.connect import client
from orchestrator.cli.invocation import Verb, current
from orchestrator.cli.names import session_argument
from orchestrator.cli.output import answer, answer_or_plan, is_plan
from orchestrator.cli.sender import sender
from orchestrator.cli.text_input import message
from orchestrator.cli.transcript import inner, plain
from orchestrator.client import Client
from orchestrator.client.waiting import await_receipt, is_over
from orchestrator.core.errors import Exit, OrchestratorError
from orchestrator.core.receipt import Mode, Route

#: How long each wait lasts where `--timeout` says nothing; a turn may take any time.
PATIENCE = {"none": 0.0, "settled": 60.0, "committed": None, "turn": None}
#: Between two looks at the session that is waited for.
LOOK_SECONDS = 2.0
WAITING_ON_PERSON = {"waiting_permission", "waiting_input"}


class SendVerb(Verb):
    """Explains the one mistake that texts invite: a text that begins with a dash."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            raise click.UsageError(
                f"{error.format_message()} A text that begins with a dash goes behind `--`.", ctx
            ) from error


@click.command(cls=SendVerb, params=[session_argument()])
@click.argument("text")
@click.option(
    "--mode",
    type=click.Choice([m.value for m in Mode]),
    default="queue",
    help="While a turn runs: after it (the default), into it, instead of it, or refuse.",
)
@click.option(
    "--route",
    type=click.Choice([r.value for r in Route]),
    default="auto",
    help="Typed, handed over, or whichever is safe (the default).",
)
@click.option(
    "--from",
    "from_",
    callback=kinds.name,
    metavar="NAME",
    help="Who sends (ORCHESTRATOR_SENDER, else your login).",
)
@click.option(
    "--tag",
    "tags",
    callback=kinds.tags,
    multiple=True,
    metavar="WORD",
    help="A tag for the history; repeatable.",
)
@click.option("--system", is_flag=True, help="Mark it as a note of the system, not of a person.")
@click.option(
    "--wait",
    type=click.Choice(["settled", "committed", "turn"]),
    help="What to wait for: codex has it or it is queued (the default); codex has it; its turn is over.",
)
@click.option("--no-wait", is_flag=True, help="Return as soon as the daemon has it.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="How long to wait (settled: 60; the others: no limit).",
)
@click.option("--dry-run", is_flag=True, help="Show what would be done.")
def send(
    session: str, text: str, *, wait: str | None, no_wait: bool, timeout: float | None, **options: Any
) -> int:
    """Send TEXT (`-`: stdin) to a session.

    Waits until codex has it as a message of a turn.
    """
    if wait and no_wait:
        raise click.UsageError("--wait and --no-wait exclude each other", click.get_current_context())
    daemon = client()
    posted = daemon.send(session, _message(text, options))
    if is_plan(posted):
        answer_or_plan(posted, _show)
        return Exit.OK
    wish = "none" if no_wait else wait or "settled"
    patience = PATIENCE[wish] if timeout is None else timeout
    teller = _Teller(daemon)
    try:
        with teller.watching(cast("Any", posted)):
            receipt = await_receipt(
                daemon, cast("Any", posted), wait=wish, seconds=patience, between=teller.look
            )
    except KeyboardInterrupt:
        if not current().json:
            current().note(f"\n{cast('Any', posted)['message_id']} has not been taken back")
        raise
    answer(receipt, lambda: _show(receipt))
    if not is_over(receipt, wish):
        current().warn(f"the wait is over; the message is {receipt['state']} and has not been taken back")
    return _status(receipt, wish, waits_for_person=teller.state in WAITING_ON_PERSON)


def _message(text: str, options: dict[str, Any]) -> dict[str, Any]:
    return {
        "text": message(text),
        "mode": options["mode"],
        "route": options["route"],
        "from": sender(options["from_"]),
        "tags": list(options["tags"]),
        "system": options["system"],
        "dry_run": options["dry_run"],
    }


class _Teller:
    """Says on stderr, once a change, what the session does while we wait for it, and whom it waits for."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._told = current()
        #: Off a terminal stderr is with `--json` empty or one error document.
        self._say = self._told.progress if self._told.json else self._told.note
        self._alone = threading.Lock()
        self._doing = ""
        self._over = False
        self.state = ""

    @contextmanager
    def watching(self, receipt: Any) -> Iterator[None]:
        """Look every now and then: a question of the wait lasts longer than anybody likes to guess."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(LOOK_SECONDS):
                try:
                    self.look(receipt)
                except OrchestratorError as exc:  # the wait itself meets it too, and says or mends it
                    self._told.detail(exc.message)

        threading.Thread(target=watch, daemon=True).start()
        try:
            yield
        finally:
            over.set()
            with self._alone:
                self._over = True

    def look(self, receipt: Any) -> None:
        view = self._client.session(receipt["session_id"])
        with self._alone:
            if not self._over:
                self._tell(view)

    def _tell(self, view: Any) -> None:
        doing = plain(inner(view["doing"]))
        if view["state"] not in WAITING_ON_PERSON:
            if doing and doing != self._doing:
                self._say(f"{view['role']} is {view['state']}: {doing}")
        elif view["state"] != self.state:
            self._told.warn(
                f"{view['role']} waits for a person: {doing}\nhint: orchestrator attach {view['session_id']}"
            )
        self.state, self._doing = view["state"], doing


def _show(receipt: Any) -> None:
    turn = receipt.get("turn")
    if turn:
        _show_turn(turn)
        return
    parts = [receipt["message_id"], receipt["state"]]
    parts += [f"by {receipt['route']}"] if receipt["route"] else []
    parts += [f"in turn {receipt['turn_id']}"] if receipt["turn_id"] else []
    parts += [f"({receipt['reason']})"] if receipt["reason"] else []
    click.echo(" ".join(parts))


def _show_turn(turn: Any) -> None:
    """The answer on stdout, which stays empty where there is none; what went wrong beside it."""
    if turn["answer"] or turn["status"] == "completed":
        click.echo(plain(turn["answer"]))
    if turn["status"] != "completed":
        why = plain(str((turn["error"] or {}).get("message") or ""))
        click.echo(f"error: the turn ended as {turn['status']}" + (f": {why}" if why else ""), err=True)
    current().detail(f"turn {turn['status']}, {turn['duration_ms']} ms, files {turn['files']}")


def _status(receipt: Any, wish: str, *, waits_for_person: bool) -> int:
    """0: what was waited for came; 1: it cannot come; 7: nobody knows yet; 8: a person must act first."""
    if receipt["state"] == "failed" or receipt.get("turn", {}).get("status", "completed") != "completed":
        return Exit.FAILED
    if receipt["state"] == "unknown":
        return Exit.TIMED_OUT
    if is_over(receipt, wish):
        return Exit.OK
    return Exit.WAITING_ON_PERSON if waits_for_person else Exit.TIMED_OUT
