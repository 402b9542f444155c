"""Recordings of a real codex and the events that they become; each case is a file and its expectation.

`python tests/unit/codex/test_translate_golden.py` writes the expectations anew; read them.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from orchestrator.codex.recording import decode, encode
from orchestrator.codex.translate import translate
from orchestrator.core.activity import Activity, State, advance

GOLDEN = Path(__file__).parents[2] / "golden" / "codex"
MAIN_THREADS: dict[str, str] = json.loads((GOLDEN / "main_threads.json").read_text())


def drafts_of(case: str) -> list[dict[str, Any]]:
    lines = (GOLDEN / f"{case}.ndjson").read_bytes().splitlines()
    drafts = [draft for line in lines for draft in translate(decode(line), MAIN_THREADS[case])]
    return [json.loads(json.dumps(asdict(draft))) for draft in drafts]


@pytest.mark.parametrize("case", MAIN_THREADS)
def test_a_recording_becomes_the_expected_events(case: str) -> None:
    """What a real codex said is told by the same events, field by field, as when a person last read them."""
    assert drafts_of(case) == json.loads((GOLDEN / f"{case}.json").read_text())


@pytest.mark.parametrize("case", MAIN_THREADS)
def test_a_line_of_a_recording_survives_reading_and_writing(case: str) -> None:
    """A recorded line decodes and encodes to the same bytes."""
    for line in (GOLDEN / f"{case}.ndjson").read_bytes().splitlines(keepends=True):
        assert encode(decode(line)) == line


ENDINGS = {"failed": Activity.ERROR, "unauthorized": Activity.ERROR, "compaction": Activity.ERROR}


@pytest.mark.parametrize("case", MAIN_THREADS)
def test_after_a_recording_the_session_is_where_codex_left_it(case: str) -> None:
    """Each recorded turn comes to rest, whatever its sub-agents still do after its end."""
    state = State(activity=Activity.IDLE)
    for line in (GOLDEN / f"{case}.ndjson").read_bytes().splitlines():
        for draft in translate(decode(line), MAIN_THREADS[case]):
            state = advance(state, draft)
    stopped = Activity.STOPPED if case == "supervised" else Activity.IDLE
    assert state.activity is ENDINGS.get(case, stopped)


if __name__ == "__main__":
    for name in MAIN_THREADS:
        text = json.dumps(drafts_of(name), indent=1, ensure_ascii=False)
        (GOLDEN / f"{name}.json").write_text(text + "\n")
