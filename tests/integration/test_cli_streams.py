"""`stream` with a real daemon: the history in every form, following to the end, and readers that leave."""

import json
import os
import signal
import subprocess

from orchestrator.cli.schemas import adapter
from tests.integration.dry_team import SCRIPT, Team, shared, team

__all__ = ["shared", "team"]


def test_a_stream_reads_the_history_in_every_form(shared: Team) -> None:
    """Readable, as lines, and as pages with a cursor, of the same events."""
    text = shared.text("stream", "reviewer")
    assert "ana → reviewer\n    hello\n" in text
    lines = [json.loads(line) for line in shared.text("stream", "reviewer", "--ndjson").splitlines()]
    for line in lines:
        adapter("envelope").validate_python(line)
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    first = shared.json("stream", "stream", "reviewer", "--limit", "2")
    rest = shared.json("stream", "stream", "reviewer", "--since-seq", str(first["next_seq"]))
    assert [*first["events"], *rest["events"]] == lines


def test_a_followed_stream_ends_when_its_session_is_stopped(team: Team) -> None:
    """It ends by itself, with exit 0, and has told of the end; another session's goes on."""
    team.text("launch", "writer")
    team.text("launch", "reader")
    with (
        team.popen("stream", "writer", "-f", "--ndjson") as ending,
        team.popen("stream", "reader", "-f") as other,
    ):
        team.text("stop", "writer")
        out, _ = ending.communicate(timeout=60)
        assert ending.returncode == 0
        assert "session_stopped" in out.decode()
        assert other.poll() is None
        other.send_signal(signal.SIGINT)
        _, err = other.communicate(timeout=60)
        assert other.returncode == 130
        assert b"Traceback" not in err


def test_a_followed_stream_survives_the_daemons_death(team: Team) -> None:
    """Across a `kill -9` each event comes once, in order."""
    team.text("launch", "writer")
    with team.popen("stream", "writer", "-f", "--ndjson") as stream:
        assert stream.stdout is not None
        seqs = [json.loads(stream.stdout.readline())["seq"]]
        os.kill(team.daemon_pid(), signal.SIGKILL)
        team.text("send", "writer", "after the death", "--wait", "turn")
        while (event := json.loads(stream.stdout.readline()))["text"] != "after the death":
            seqs.append(event["seq"])
        seqs.append(event["seq"])
        stream.terminate()
        stream.communicate(timeout=60)
    assert seqs == list(range(1, len(seqs) + 1))


def test_reading_stops_quietly_when_the_reader_leaves(shared: Team) -> None:
    """`orchestrator stream … | head -1` shows no error."""
    command = f"{SCRIPT} stream reviewer --ndjson | head -1 | wc -l"
    done = subprocess.run(
        ["bash", "-c", command], env=shared.environment, capture_output=True, timeout=60, check=True
    )
    assert (done.stdout.strip(), done.stderr) == (b"1", b"")
