"""The engine's framing of two outputs, however the bytes are cut."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.containers.frames import KEPT_OF_STDERR, STDERR, Frames

STDOUT = 1
OUTPUTS = st.lists(st.tuples(st.sampled_from([STDOUT, STDERR]), st.binary(max_size=300)), max_size=12)


def framed(outputs: list[tuple[int, bytes]]) -> bytes:
    return b"".join(struct.pack(">BxxxL", stream, len(data)) + data for stream, data in outputs)


@given(outputs=OUTPUTS, cuts=st.lists(st.integers(min_value=1, max_value=40), min_size=1))
def test_every_byte_comes_out_once_however_the_stream_is_cut(
    outputs: list[tuple[int, bytes]], cuts: list[int]
) -> None:
    """Pieces end anywhere, in the middle of a head too."""
    frames, raw, out, turn = Frames(), framed(outputs), b"", 0
    while raw:
        size = cuts[turn % len(cuts)]
        out += frames.feed(raw[:size])
        raw, turn = raw[size:], turn + 1
    assert out == b"".join(data for stream, data in outputs if stream == STDOUT)
    assert frames.stderr == b"".join(data for stream, data in outputs if stream == STDERR)


def test_only_the_end_of_stderr_is_kept() -> None:
    """A program that complains without end fills no memory."""
    frames = Frames()
    for _ in range(10):
        assert frames.feed(framed([(STDERR, b"x" * KEPT_OF_STDERR)])) == b""
    frames.feed(framed([(STDERR, b"the last word")]))
    assert len(frames.stderr) == KEPT_OF_STDERR
    assert frames.stderr.endswith(b"the last word")
