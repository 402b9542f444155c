"""The client's half of RFC 6455 without I/O: the upgrade, text messages, ping, pong and close.

Bytes go in and events come out. It holds no socket and no dice: keys and masks are the caller's. Codex
offers no extension and needs none, so none is spoken.
"""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

#: The longest message that is taken, and the longest frame that is sent in one piece.
LONGEST_MESSAGE = 64 * 1024 * 1024
LONGEST_FRAME = 16 * 1024 * 1024
LONGEST_HEAD = 16 * 1024
NORMAL_CLOSURE = 1000

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_FINAL = 0x80
_MASKED = 0x80
_RESERVED = 0x70
_SMALL = 126
_MEDIUM = 127
_LONGEST_CONTROL = 125


class ProtocolError(Exception):
    """The other side broke the protocol; `args[0]` says how."""


class Opcode(IntEnum):
    """The kinds of frames (RFC 6455, 5.2)."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10

    @property
    def control(self) -> bool:
        return self >= Opcode.CLOSE


@dataclass(frozen=True, slots=True)
class Text:
    """One whole message."""

    text: str


@dataclass(frozen=True, slots=True)
class Ping:
    """To be answered with a pong of the same payload."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Pong:
    """An answer to a ping."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """The other side ends the connection."""

    code: int
    reason: str


Event = Text | Ping | Pong | Close


def upgrade_request(nonce: bytes) -> bytes:
    """The HTTP request that opens the connection; `nonce` is 16 random bytes."""
    key = base64.b64encode(nonce).decode()
    return (
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    ).encode()


def split_head(data: bytes) -> tuple[bytes, bytes] | None:
    """The head of the answer and what follows it; None while it is not whole."""
    head, separator, rest = data.partition(b"\r\n\r\n")
    if separator:
        return head, rest
    if len(data) > LONGEST_HEAD:
        raise ProtocolError("the answer to the upgrade has no end")
    return None


def check_upgrade(head: bytes, nonce: bytes) -> None:
    """Raise `ProtocolError` where the head is not a 101 that answers to this nonce."""
    status, *lines = head.decode("latin-1").split("\r\n")
    if status.split(" ")[1:2] != ["101"]:
        raise ProtocolError(f"the upgrade was answered with {status[:200]!r}")
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    expected = base64.b64encode(hashlib.sha1(base64.b64encode(nonce) + _GUID, usedforsecurity=False).digest())
    if headers.get("sec-websocket-accept") != expected.decode():
        raise ProtocolError("the upgrade was answered with a wrong Sec-WebSocket-Accept")


def frame(opcode: Opcode, payload: bytes, mask: bytes, *, final: bool = True) -> bytes:
    """One masked frame; `mask` is 4 random bytes."""
    first = opcode | (_FINAL if final else 0)
    size = len(payload)
    if size < _SMALL:
        head = bytes((first, _MASKED | size))
    elif size < 1 << 16:
        head = bytes((first, _MASKED | _SMALL)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, _MASKED | _MEDIUM)) + size.to_bytes(8, "big")
    return head + mask + masked(payload, mask)


def masked(payload: bytes, mask: bytes) -> bytes:
    """The payload with the mask laid over it; doing it twice gives the payload back."""
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")


def text_message(text: str, mask: bytes, *, longest_frame: int = LONGEST_FRAME) -> bytes:
    """A whole message, in as many frames as its length asks for."""
    payload = text.encode()
    pieces = [payload[at : at + longest_frame] for at in range(0, len(payload), longest_frame)] or [b""]
    last = len(pieces) - 1
    return b"".join(
        frame(Opcode.CONTINUATION if index else Opcode.TEXT, piece, mask, final=index == last)
        for index, piece in enumerate(pieces)
    )


def pong(payload: bytes, mask: bytes) -> bytes:
    return frame(Opcode.PONG, payload, mask)


def close(mask: bytes, code: int = NORMAL_CLOSURE) -> bytes:
    return frame(Opcode.CLOSE, code.to_bytes(2, "big"), mask)


@dataclass(frozen=True, slots=True)
class _Frame:
    opcode: Opcode
    final: bool
    payload: bytes


class Decoder:
    """Server frames in, whole events out. After a `ProtocolError` it is of no more use."""

    def __init__(self, *, longest_message: int = LONGEST_MESSAGE) -> None:
        self._longest = longest_message
        self._buffer = bytearray()
        self._parts: bytearray | None = None

    def receive(self, data: bytes) -> Iterator[Event]:
        """The events that these bytes complete.

        Raises:
            ProtocolError: a frame that a server may not send, or too long a message.
        """
        self._buffer += data
        while (found := self._next_frame()) is not None:
            event = self._control(found) if found.opcode.control else self._data(found)
            if event is not None:
                yield event

    def _next_frame(self) -> _Frame | None:
        if len(self._buffer) < 2:  # noqa: PLR2004 - the two bytes that every frame begins with
            return None
        first, second = self._buffer[0], self._buffer[1]
        self._check_head(first, second)
        start, size = self._extent(second)
        if start == 0 or len(self._buffer) < start + size:
            return None
        payload = bytes(self._buffer[start : start + size])
        del self._buffer[: start + size]
        return _Frame(Opcode(first & 0x0F), bool(first & _FINAL), payload)

    def _check_head(self, first: int, second: int) -> None:
        if first & _RESERVED or first & 0x0F not in list(Opcode):
            raise ProtocolError(f"a frame begins with {first:#04x}")
        if second & _MASKED:
            raise ProtocolError("a server's frame is masked")
        control = Opcode(first & 0x0F).control
        if control and (not first & _FINAL or second > _LONGEST_CONTROL):
            raise ProtocolError("a control frame is fragmented or too long")

    def _extent(self, second: int) -> tuple[int, int]:
        """Where the payload begins (0 while that is unknown) and how long it is."""
        width = {_SMALL: 2, _MEDIUM: 8}.get(second, 0)
        if len(self._buffer) < 2 + width:
            return 0, 0
        size = int.from_bytes(self._buffer[2 : 2 + width], "big") if width else second
        if size + len(self._parts or b"") > self._longest:
            raise ProtocolError(f"a message is longer than {self._longest:,} bytes")
        return 2 + width, size

    def _control(self, found: _Frame) -> Event:
        match found.opcode:
            case Opcode.PING:
                return Ping(found.payload)
            case Opcode.PONG:
                return Pong(found.payload)
            case _:
                code = int.from_bytes(found.payload[:2], "big") if len(found.payload) > 1 else 1005
                return Close(code, found.payload[2:].decode("utf-8", "replace"))

    def _data(self, found: _Frame) -> Event | None:
        if (found.opcode is Opcode.CONTINUATION) is (self._parts is None):
            raise ProtocolError("a fragment without a beginning, or a beginning inside a message")
        if found.opcode is Opcode.BINARY:
            raise ProtocolError("a binary message")
        parts = self._parts = bytearray() if self._parts is None else self._parts
        parts += found.payload
        if not found.final:
            return None
        self._parts = None
        try:
            return Text(parts.decode())
        except UnicodeDecodeError as exc:
            raise ProtocolError("a text message that is not UTF-8") from exc
