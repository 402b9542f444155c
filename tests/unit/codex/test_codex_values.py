"""The small parts of the translation: excerpts, diffs, token counts, a turn's outcome."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.codex.bounds import LARGEST, excerpt, fit
from orchestrator.codex.diffs import changed_files, unquoted
from orchestrator.codex.outcome import outcome
from orchestrator.codex.recording import decode
from orchestrator.codex.tokens import used_percent
from orchestrator.codex.translate import translate
from orchestrator.core.envelope import Draft

GOLDEN = Path(__file__).parents[2] / "golden" / "codex"


def drafts_of(case: str) -> list[Draft]:
    main = json.loads((GOLDEN / "main_threads.json").read_text())[case]
    lines = (GOLDEN / f"{case}.ndjson").read_bytes().splitlines()
    return [draft for line in lines for draft in translate(decode(line), main)]


@given(st.text(max_size=300), st.integers(2, 100))
def test_an_excerpt_keeps_head_and_tail(text: str, longest: int) -> None:
    """A short text is untouched; of a long one both ends stay, and the marker counts what is gone."""
    cut = excerpt(text, longest)
    if len(text) <= longest:
        assert cut == text
    else:
        half = longest // 2
        assert cut.startswith(text[:half])
        assert cut.endswith(text[-half:])
        assert f"{len(text) - 2 * half:,} characters" in cut


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.text(), VALUES), st.integers(200, 5000))
def test_fitted_data_is_small_strict_json(data: dict[str, Any], largest: int) -> None:
    """Data of any kind is cut until it fits, and any JSON reader takes it."""
    fitted = json.dumps(fit(data, largest), ensure_ascii=False, allow_nan=False).encode()
    assert len(fitted) <= largest or "left_out" in json.loads(fitted)
    assert len(fitted) <= LARGEST


def test_a_long_list_is_cut_and_says_so() -> None:
    """Of a long list the head stays, and the rest is counted."""
    fitted = fit({"x": list(range(1000)), "y": {str(n): n for n in range(1000)}})
    assert fitted["x"][-2:] == [199, "… 800 more"]
    assert fitted["y"]["…"] == "800 more"


def test_a_huge_value_costs_no_more_than_its_room() -> None:
    """A value that is repeated a million million times is left after the room is full."""
    huge: Any = "x" * 100
    for _ in range(6):
        huge = [huge] * 200
    assert len(json.dumps(fit({"a": 1, "x": huge}))) <= LARGEST


def test_deep_nesting_is_cut() -> None:
    """A payload nested a thousand deep neither fails nor stays whole."""
    deep: Any = "bottom"
    for _ in range(500):
        deep = [deep]
    assert "bottom" not in json.dumps(fit({"x": deep}))


@pytest.mark.parametrize(
    ("header", "files"),
    [
        ("diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n", ["x"]),
        ("diff --git a/a b c b/a b c\n", ["a b c"]),
        ("diff --git a//work/x.py b//work/x.py\n", ["x.py"]),
        ("diff --git a//etc/x b//etc/x\n", ["/etc/x"]),
        ("diff --git a/old b/new\nrename from old\nrename to new\n", ["new"]),
        ('diff --git "a/\\303\\244" "b/\\303\\244"\n', ["ä"]),
        ("diff --git a/x b/x\n@@ -1 +1 @@\n-diff --git a/n b/n\n+x\ndiff --git a/y b/y\n", ["x", "y"]),
        ("diff --git a/x b/x\n@@ -1 +1 @@\n rename to z\nrename to z\n", ["x"]),
        ("diff --git a/x b/x\ndiff --git a/x b/x\n", ["x"]),
        ("nothing", []),
    ],
)  # fmt: skip
def test_the_changed_files_of_a_diff(header: str, files: list[str]) -> None:
    """Only the headers name files: by their new names, each once, without git's quotes."""
    assert changed_files(header) == files


@given(st.text())
def test_no_diff_breaks_the_reading(text: str) -> None:
    """Any text has changed files, or none."""
    assert isinstance(changed_files("diff --git " + text), list)
    assert isinstance(unquoted(f'"{text}"'), str)


@pytest.mark.parametrize(
    ("total", "window", "used"),
    [
        (0, 258400, 0),
        (12000, 258400, 0),
        (203000, 258400, 78),
        (258400, 258400, 100),
        (999999, 258400, 100),
        (5, 12000, 100),
        (5, None, None),
    ],
)
def test_the_context_is_as_full_as_codex_says(total: int, window: int | None, used: int | None) -> None:
    """The figure is the one of codex's footer, and never above 100."""
    assert used_percent(total, window) == used


@given(st.integers(), st.integers())
def test_the_context_is_never_fuller_than_full(total: int, window: int) -> None:
    """No count leaves the range of a percentage."""
    used = used_percent(total, window)
    assert used is not None
    assert 0 <= used <= 100


def turn_in(case: str) -> str:
    return next(d.turn_id for d in drafts_of(case) if d.turn_id and not d.tags)


def test_the_outcome_of_a_completed_turn() -> None:
    """Answer, files and tokens of one turn of a real codex; tokens are this turn's, not the thread's."""
    done = outcome(drafts_of("patch"), turn_in("patch"))
    assert (done.status, done.over, done.files, done.error) == ("completed", True, ("hello.txt",), None)
    assert done.answer.startswith("Patched: ")
    assert done.tokens["input"] == 3 * 1200
    assert done.tokens["total"] == 3 * 1260
    assert done.duration_ms == 468


def test_the_outcome_of_a_failed_turn() -> None:
    """A failed turn says why."""
    done = outcome(drafts_of("failed"), turn_in("failed"))
    assert done.status == "failed"
    assert done.error is not None
    assert done.error["code"] == "usageLimitExceeded"


def test_a_compaction_is_no_use_of_tokens() -> None:
    """Codex's total jumps to the size of the context when it compacts; that was not spent."""
    done = outcome(drafts_of("compaction"), turn_in("compaction"))
    assert (done.tokens["input"], done.tokens["output"], done.tokens["total"]) == (1200, 60, 1260)


def test_a_turn_that_nobody_ended_is_not_over() -> None:
    """Before its end a turn is in progress and has said what it has said."""
    drafts = [d for d in drafts_of("patch") if d.type != "turn_completed"]
    running = outcome(drafts, turn_in("patch"))
    assert (running.over, running.status) == (False, "inProgress")
    assert running.answer.startswith("Patched: ")


def test_codex_s_own_end_of_a_turn_outweighs_a_synthetic_one() -> None:
    """Where both were recorded, what codex said counts, in whichever order they came."""
    drafts = drafts_of("supervised")
    first, second = turn_in("supervised"), "turn-2"
    assert outcome(drafts, first).status == "interrupted"
    assert outcome(drafts, second).status == "completed"
    told = [d for d in drafts_of("shell") if d.type == "turn_completed"]
    assert outcome([*told, *drafts], first).status == "completed"
