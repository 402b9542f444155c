"""One suite for the transcript: on the in-memory twin, and on a file."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from orchestrator.core.envelope import Envelope
from orchestrator.core.errors import StoreUnwritable
from orchestrator.core.ports import Transcript
from orchestrator.store.transcript import NdjsonTranscript
from orchestrator.testing.examples import SESSION_ID, a_draft
from orchestrator.testing.history import InMemoryTranscript


def envelopes(first: int, last: int, text: str = "ü🙂") -> list[Envelope]:
    return [
        Envelope(seq=n, session_id=SESSION_ID, role="builder", branch="", draft=a_draft(f"{text}{n}"))
        for n in range(first, last + 1)
    ]


def lines(all_of: Sequence[Envelope]) -> bytes:
    return b"".join(e.to_line() for e in all_of)


@pytest.fixture(params=["twin", "file"])
def transcript(request: pytest.FixtureRequest, tmp_path: Path) -> Transcript:
    return InMemoryTranscript() if request.param == "twin" else NdjsonTranscript(tmp_path / "a" / "t.ndjson")


def test_it_knows_how_far_it_is(transcript: Transcript) -> None:
    """0 before anything was written."""
    assert transcript.last_seq() == 0
    transcript.append(envelopes(1, 3))
    assert transcript.last_seq() == 3
    transcript.append([])
    assert transcript.last_seq() == 3


def test_what_is_there_is_not_written_again(transcript: Transcript) -> None:
    """Envelopes that overlap with what was written are left out."""
    transcript.append(envelopes(1, 3))
    transcript.append(envelopes(2, 5))
    transcript.append(envelopes(1, 5))
    assert transcript.last_seq() == 5
    if isinstance(transcript, InMemoryTranscript):
        assert transcript.envelopes == envelopes(1, 5)


def test_a_line_is_an_envelope(tmp_path: Path) -> None:
    """In the documented form, readable as it is."""
    path = tmp_path / "t.ndjson"
    NdjsonTranscript(path).append(envelopes(1, 2))
    read = [Envelope.from_json(json.loads(line)) for line in path.read_bytes().splitlines()]
    assert read == envelopes(1, 2)
    assert "ü🙂1" in path.read_text(encoding="utf-8")


def test_a_transcript_is_for_its_owners_eyes(tmp_path: Path) -> None:
    """Nobody else of the host may read what was said."""
    path = tmp_path / "t.ndjson"
    NdjsonTranscript(path).append(envelopes(1, 1))
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_transcript_that_was_cut_anywhere_is_made_whole(tmp_path: Path) -> None:
    """At every byte: what is whole stays, and writing all again gives the same file."""
    path = tmp_path / "t.ndjson"
    whole = lines(envelopes(1, 4))
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        transcript = NdjsonTranscript(path)
        assert transcript.last_seq() == whole[:cut].count(b"\n")
        transcript.append(envelopes(1, 4))
        assert path.read_bytes() == whole, cut


@pytest.mark.parametrize(
    "tail",
    [b"\n", b"\n\n\n", b"\0\0", b"\0\n", b"{}\n", b"null\n[]\n", b'{"seq":"7"}\n', b'{"seq":0}\n', b"\xff\n"],
)  # fmt: skip
@pytest.mark.parametrize("kept", [0, 2])
def test_what_is_no_envelope_at_the_end_is_cut_off(tmp_path: Path, kept: int, tail: bytes) -> None:
    """Blank lines, the zeros of a power failure, somebody's own words."""
    path = tmp_path / "t.ndjson"
    path.write_bytes(lines(envelopes(1, kept)) + tail)
    transcript = NdjsonTranscript(path)
    assert transcript.last_seq() == kept
    transcript.append(envelopes(1, 3))
    assert path.read_bytes() == lines(envelopes(1, 3))


def test_a_last_line_longer_than_a_block_is_found(tmp_path: Path) -> None:
    """However long it is."""
    path = tmp_path / "t.ndjson"
    long = envelopes(1, 2, text="x" * 200_000)
    path.write_bytes(lines(long) + b"torn" * 50_000)
    assert NdjsonTranscript(path).last_seq() == 2
    assert path.read_bytes() == lines(long)


def test_a_transcript_that_cannot_be_written_says_so_and_goes_on_later(tmp_path: Path) -> None:
    """Nothing is lost in between, and nothing is there twice."""
    path = tmp_path / "t.ndjson"
    transcript = NdjsonTranscript(path)
    transcript.append(envelopes(1, 2))
    path.rename(tmp_path / "aside")
    path.mkdir()
    with pytest.raises(StoreUnwritable):
        transcript.append(envelopes(3, 4))
    path.rmdir()
    (tmp_path / "aside").rename(path)
    transcript.append(envelopes(3, 4))
    assert path.read_bytes() == lines(envelopes(1, 4))


def test_two_that_write_one_file_write_each_line_once(tmp_path: Path) -> None:
    """Each sees what the other has written; a file that was removed is begun anew."""
    path = tmp_path / "t.ndjson"
    one, two = NdjsonTranscript(path), NdjsonTranscript(path)
    for last in range(1, 6):
        one.append(envelopes(1, last))
        two.append(envelopes(1, last))
    assert path.read_bytes() == lines(envelopes(1, 5))
    path.unlink()
    assert two.last_seq() == 0
    one.append(envelopes(1, 2))
    assert path.read_bytes() == lines(envelopes(1, 2))


def test_one_that_is_set_aside_is_kept_and_another_begins(transcript: Transcript) -> None:
    """Twice too, each under a name of its own."""
    names = set()
    for _ in range(2):
        transcript.append(envelopes(1, 3))
        names.add(transcript.set_aside())
        assert transcript.last_seq() == 0
    assert len(names) == 2
