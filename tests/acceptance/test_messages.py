"""Messages, byte for byte: many senders at once, and everything that typing could spoil."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.acceptance.team import Team, until

pytestmark = [pytest.mark.docker, pytest.mark.agent]

MIXED = "äöü ß 你好 🦩 \u0301combining שלום \u200b tab\there\n"
PAYLOADS = [
    "one line",
    "\n".join(f"line {n} of fifty" for n in range(50)),
    (MIXED * 4000)[:100_000].rstrip() + "end",
    "/status is not a command",
    "!ls is not a shell",
    "-dash first",
    "# a heading",
    "Enter",
    "C-c",
    'it\'s "quoted" \\ and `ticked`',
    "$(touch /tmp/x) $HOME #{pid} ~ ; kill-server",
    "tab\tseparated\tvalues",
    " edges and newlines \n",
    "escape \x1b[31mred\x1b[0m bell \x07",
]


def test_every_payload_arrives_byte_for_byte(team: Team) -> None:
    """Whatever the route, codex has the text that was sent."""
    view = team.launch("reviewer")
    for text in PAYLOADS:
        assert team.send("reviewer", text, "--wait", "turn", "--timeout", "90")["state"] == "committed"
    assert team.texts(view, "user_message") == PAYLOADS
    routes = {e["data"]["route"] for e in team.transcript(view) if e["type"] == "message_committed"}
    assert routes == {"tmux", "app-server"}


def test_forty_messages_from_eight_processes_are_forty_user_messages(
    team: Team, pool: ThreadPoolExecutor
) -> None:
    """None is lost, merged, cut or doubled, and each sender's own order is kept."""
    view = team.launch("reviewer")

    def sender(name: int) -> list[str]:
        return [
            team.send("reviewer", f"sender {name} message {n}\nsecond line {n}")["message_id"]
            for n in range(5)
        ]

    ids = [one for some in pool.map(sender, range(8)) for one in some]
    assert len(set(ids)) == 40
    until(lambda: len(team.texts(view, "user_message")) >= 40, 120)
    until(lambda: team.ok("status", "reviewer")["state"] == "idle")
    got = team.texts(view, "user_message")
    assert sorted(got) == sorted(
        f"sender {s} message {n}\nsecond line {n}" for s in range(8) for n in range(5)
    )
    for name in range(8):
        own = [text for text in got if text.startswith(f"sender {name} ")]
        assert own == sorted(own)
    committed = [e["data"]["message_id"] for e in team.transcript(view) if e["type"] == "message_committed"]
    assert sorted(committed) == sorted(ids)
