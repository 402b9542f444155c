"""A thread that codex refuses: told by `resume-all` and `status`, tried once, and whole with its file."""

import json

import pytest

from tests.acceptance.team import Team, until

pytestmark = [pytest.mark.docker, pytest.mark.agent]

NOBODYS = "01a1fbb8-11ed-7000-8000-000000000000"


def test_a_refused_thread_is_told_with_what_to_do_and_goes_on_once_its_file_is_back(team: Team) -> None:
    """The container stays down meanwhile, and the history is as it was."""
    view = team.launch("reviewer")
    assert team.answer("reviewer", "hello") == "ok"
    team.container(view).stop()
    file = team.folder(view) / "private/thread.json"
    kept = file.read_bytes()
    file.write_text(json.dumps({**json.loads(kept), "thread_id": NOBODYS}))
    done = team.run("resume-all", "--json")
    assert done.code != 0
    for told in (done.out, json.dumps(team.ok("status", "reviewer"))):
        assert f"codex refused to resume {NOBODYS}" in told
        assert "put codex's files and thread.json back" in told
    until(lambda: team.container(view).status == "exited")
    assert team.container(view).attrs["RestartCount"] == 0
    file.write_bytes(kept)
    assert team.run("resume-all").code == 0
    assert team.answer("reviewer", "hello again") == "ok"
    assert team.texts(view, "user_message") == ["hello", "hello again"]
