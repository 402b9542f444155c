"""The commands that only look: ps, status, snapshot, stream."""

import json
import subprocess
from pathlib import Path
from typing import Any

from orchestrator.testing.wire import Scripted, chunks
from tests.unit.cli.answers import VIEW, says
from tests.unit.cli.conftest import SCRIPT, Run

EVENT = {
    "seq": 4,
    "timestamp": "2026-01-02T03:04:05.000006Z",
    "type": "agent_message",
    "direction": "out",
    "role": "reviewer",
    "from": "",
    "tags": [],
    "text": "é",
    "data": {},
}


def test_ps_off_a_terminal_is_separated_by_tabs(orchestrator: Run, daemon: Scripted) -> None:
    """Scripts can `cut` it; an agent's words cannot break a line."""
    daemon.will(says([VIEW | {"doing": "a\tb\nc"}]))
    head, row = orchestrator("ps").stdout.splitlines()
    assert head.split("\t") == ["SESSION", "ROLE", "STATE", "SINCE", "DOING", "BRANCH", "QUEUED"]
    assert row.split("\t") == ["abc0000000", "reviewer", "working", "3m", "a b", "agents/reviewer", "2"]


def test_ps_says_how_to_see_the_others(orchestrator: Run, daemon: Scripted) -> None:
    """An empty list is no mystery."""
    daemon.will(says([]), says([]))
    assert "ps --all" in orchestrator("ps").stderr
    assert orchestrator("ps", "--all", "--json").stdout == "[]\n"
    assert daemon.asked[1][1] == "/v1/sessions?all=true"


def test_ps_says_that_the_engine_is_away(orchestrator: Run, daemon: Scripted) -> None:
    """The states are the last known ones then; people are told so, and it is no failure."""
    away = VIEW | {"container_state": "unknown: the engine does not answer"}
    daemon.will(says([VIEW, away, away]), says([VIEW]))
    done = orchestrator("ps")
    assert (done.returncode, done.stderr.count("the engine does not answer")) == (0, 1)
    assert orchestrator("ps").stderr == ""


def test_status_shows_source_age_walls_and_warnings(orchestrator: Run, daemon: Scripted) -> None:
    """Each claim with what it rests on; no escape sequence of an agent's gets through."""
    daemon.will(says(VIEW))
    text = orchestrator("status", "reviewer").stdout
    assert "working for 3m, says turn_started" in text
    assert "read_only_root yes" in text
    assert "warning: approvals are advisory" in text
    assert "\x1b" not in text


def test_snapshot_shows_the_screen_and_the_last_events(orchestrator: Run, daemon: Scripted) -> None:
    """Both, with nothing in them that a terminal would obey."""
    event: dict[str, Any] = {
        "timestamp": "2026-01-02T03:04:05.000006Z",
        "type": "agent_message",
        "direction": "out",
    }
    event |= {"role": "reviewer", "from": "", "tags": [], "text": "Done.", "data": {}}
    head = {"session_id": "abc0000000", "role": "reviewer", "state": "idle", "next_seq": 9}
    daemon.will(says({**head, "screen": "> hello\x07\n\n\n", "screen_error": "", "transcript": [event]}))
    text = orchestrator("snapshot", "reviewer", "--lines", "5", "--full").stdout
    assert text.startswith("reviewer abc0000000 idle\n> hello\n───")
    assert text.endswith("03:04:05  reviewer\n    Done.\n")
    assert daemon.asked[0][1].endswith("?lines=5&full=true")


def test_a_followed_stream_ends_with_its_session(orchestrator: Run, daemon: Scripted) -> None:
    """Readable by default, one envelope a line for programs."""
    line = json.dumps(EVENT).encode() + b"\n"
    daemon.will(chunks(line, b"\n", line), chunks(line))
    assert orchestrator("stream", "r", "-f").stdout == "03:04:05  reviewer\n    é\n" * 2
    assert json.loads(orchestrator("stream", "r", "-f", "--ndjson", "--since-seq", "3").stdout) == EVENT
    assert "since_seq=3&follow=true" in daemon.asked[1][1]


def test_a_stream_can_be_limited_and_paged(orchestrator: Run, daemon: Scripted) -> None:
    """Bounded output with a cursor to go on."""
    page = {"events": [EVENT, EVENT], "next_seq": 4, "oldest_seq": 1}
    daemon.will(says(page), says(page))
    assert len(orchestrator("stream", "r", "--limit", "1", "--ndjson").stdout.splitlines()) == 1
    assert json.loads(orchestrator("stream", "r", "--json", "--limit", "7").stdout) == page
    assert "limit=7" in daemon.asked[1][1]


def test_a_readable_stream_is_limited_to_what_is_shown(orchestrator: Run, daemon: Scripted) -> None:
    """Events that only `-v` shows take no place of those that are asked for."""
    page = {"events": [EVENT | {"type": "token_usage"}, EVENT, EVENT], "next_seq": 4, "oldest_seq": 1}
    daemon.will(says(page))
    assert orchestrator("stream", "r", "--limit", "1").stdout == "03:04:05  reviewer\n    é\n"


def test_a_raw_stream_is_the_panes_own_bytes(
    environment: dict[str, str], daemon: Scripted, tmp_path: Path
) -> None:
    """Nothing is decoded, nothing added."""
    daemon.will(chunks(b"\x1b[1m\xff", b"\r\n"))
    done = subprocess.run(
        [SCRIPT, "stream", "r", "--raw"], env=environment, capture_output=True, timeout=60, check=True
    )
    assert done.stdout == b"\x1b[1m\xff\r\n"
