"""The client's frames and the server's, against the `websockets` library and against broken servers."""

import contextlib
import tracemalloc
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame
from websockets.frames import Opcode as TheirOpcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from orchestrator.codex import websocket
from orchestrator.codex.websocket import Close, Decoder, Opcode, Ping, Pong, ProtocolError, Text

MASK = b"\x01\x80\xfe\x00"
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)


def server() -> ServerProtocol:
    """A server of the oracle's, after its handshake."""
    protocol = ServerProtocol(max_size=None)
    nonce = b"n" * 16
    protocol.receive_data(websocket.upgrade_request(nonce))
    [request] = protocol.events_received()
    assert isinstance(request, Request)
    protocol.send_response(protocol.accept(request))
    parts = websocket.split_head(b"".join(protocol.data_to_send()))
    assert parts is not None
    websocket.check_upgrade(parts[0], nonce)
    assert protocol.state is State.OPEN
    return protocol


def received(protocol: ServerProtocol) -> list[Frame]:
    return [frame for frame in protocol.events_received() if isinstance(frame, Frame)]


@given(text=texts, mask=st.binary(min_size=4, max_size=4), longest=st.integers(1, 300))
def test_the_oracle_reads_every_message_that_is_sent(text: str, mask: bytes, longest: int) -> None:
    """Whatever the mask and however many fragments: the server has the same text."""
    protocol = server()
    protocol.receive_data(websocket.text_message(text, mask, longest_frame=longest))
    assert b"".join(frame.data for frame in received(protocol)) == text.encode()


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 16 * 1024 * 1024])
def test_every_width_of_a_length_is_written_and_read(size: int) -> None:
    """A short length, two bytes, eight bytes, and codex's longest message."""
    protocol = server()
    protocol.receive_data(websocket.text_message("x" * size, MASK))
    assert [len(frame.data) for frame in received(protocol)] == [size]
    protocol.send_text(b"y" * size)
    assert list(Decoder().receive(b"".join(protocol.data_to_send()))) == [Text("y" * size)]


@given(messages=st.lists(texts, max_size=5), cuts=st.lists(st.integers(1, 40), max_size=60))
def test_messages_are_whole_however_the_bytes_arrive(messages: list[str], cuts: list[int]) -> None:
    """The pieces of a stream say nothing about the messages in it."""
    protocol = server()
    for message in messages:
        protocol.send_text(message.encode())
    data = b"".join(protocol.data_to_send())
    decoder = Decoder()
    events: list[websocket.Event] = []
    for cut in cuts:
        events += decoder.receive(data[:cut])
        data = data[cut:]
    events += decoder.receive(data)
    assert events == [Text(message) for message in messages]


@given(text=texts, parts=st.integers(1, 5), ping=st.binary(max_size=125))
def test_a_fragmented_message_is_joined_around_a_ping(text: str, parts: int, ping: bytes) -> None:
    """Control frames may stand between the fragments of a message."""
    payload = text.encode()
    size = len(payload) // parts + 1
    pieces = [payload[i : i + size] for i in range(0, len(payload), size)] or [b""]
    protocol = server()
    for number, piece in enumerate(pieces):
        last = number == len(pieces) - 1
        protocol.send_text(piece, fin=last) if number == 0 else protocol.send_continuation(piece, fin=last)
        if not last:
            protocol.send_ping(ping)
    events = list(Decoder().receive(b"".join(protocol.data_to_send())))
    assert events == [Ping(ping)] * (len(pieces) - 1) + [Text(text)]


def test_ping_pong_and_close_pass_between_both_sides() -> None:
    """The oracle answers our close and takes our pong; its close comes with code and reason."""
    protocol = server()
    protocol.receive_data(websocket.pong(b"p", MASK))
    assert [(frame.opcode, frame.data) for frame in received(protocol)] == [(TheirOpcode.PONG, b"p")]
    protocol.send_pong(b"q")
    protocol.send_close(1011, "tired")
    assert list(Decoder().receive(b"".join(protocol.data_to_send()))) == [Pong(b"q"), Close(1011, "tired")]
    protocol.receive_data(websocket.close(MASK))
    assert protocol.close_rcvd is not None
    assert protocol.close_rcvd.code == websocket.NORMAL_CLOSURE


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x83\x00", "begins with"),
        (b"\xc1\x00", "begins with"),
        (b"\x81\x80" + MASK, "masked"),
        (b"\x09\x00", "fragmented"),
        (b"\x89\x7e\x00\x80", "fragmented or too long"),
        (b"\x80\x00", "without a beginning"),
        (b"\x01\x00\x81\x00", "inside a message"),
        (b"\x82\x00", "binary"),
        (b"\x81\x01\xff", "UTF-8"),
        (b"\x81\x7f\x00\x00\x00\x01\x00\x00\x00\x00", "longer"),
    ],
)
def test_a_server_that_breaks_the_protocol_is_told_apart(data: bytes, why: str) -> None:
    """Each breach has its own words, and none is taken for a message."""
    with pytest.raises(ProtocolError, match=why):
        list(Decoder().receive(data))


@given(st.binary(max_size=300))
def test_no_bytes_do_worse_than_a_protocol_error(data: bytes) -> None:
    """Noise is events or a `ProtocolError`, never anything else."""
    with contextlib.suppress(ProtocolError):
        assert len(list(Decoder(longest_message=1000).receive(data))) <= len(data) // 2


def test_a_message_in_very_many_fragments_is_held_as_its_bytes_alone() -> None:
    """Whoever speaks in codex's place must not fill the recorder's memory with next to nothing."""
    head = bytes([Opcode.TEXT, 2]) + b"ab"
    data = head + (bytes([Opcode.CONTINUATION, 2]) + b"cd") * 20_000
    decoder = Decoder()
    tracemalloc.start()
    try:
        assert list(decoder.receive(data)) == []
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert kept < 4 * 2 * 20_000


def test_the_fragments_of_a_message_count_together() -> None:
    """The limit is the message's, not the frame's."""
    decoder = Decoder(longest_message=5)
    with pytest.raises(ProtocolError, match="longer"):
        list(decoder.receive(b"\x01\x03abc" + b"\x80\x03def"))


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 403 Forbidden", b"HTTP/1.1 101 ok\r\nSec-WebSocket-Accept: x", b"nonsense"]
)
def test_another_answer_than_ours_is_no_upgrade(head: bytes) -> None:
    """A refusal, a wrong proof, and what is no HTTP at all."""
    with pytest.raises(ProtocolError):
        websocket.check_upgrade(head, b"n" * 16)


def test_an_answer_without_an_end_is_given_up() -> None:
    """A server that only ever sends headers is not waited for."""
    assert websocket.split_head(b"HTTP/1.1 101") is None
    with pytest.raises(ProtocolError):
        websocket.split_head(b"x" * (websocket.LONGEST_HEAD + 1))


@given(payload=st.binary(max_size=100), mask=st.binary(min_size=4, max_size=4))
def test_masking_twice_gives_the_payload_back(payload: bytes, mask: bytes) -> None:
    """As the RFC defines it, byte by byte."""
    once = websocket.masked(payload, mask)
    assert once == bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    assert websocket.masked(once, mask) == payload


def test_the_proof_is_that_of_the_rfc() -> None:
    """The example of RFC 6455, 1.3."""
    nonce = b"the sample nonce"
    assert b64encode(nonce) == b"dGhlIHNhbXBsZSBub25jZQ=="
    websocket.check_upgrade(b"HTTP/1.1 101 x\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", nonce)
    assert Opcode.PING.control
