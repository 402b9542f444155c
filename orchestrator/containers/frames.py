"""The engine's framing of a program's two outputs, bytes in, bytes out: an 8-byte head, then the payload.

It does no I/O. What a program says on stderr is kept (its end only), for the error message.
"""

import struct

_HEAD = struct.Struct(">BxxxL")
STDERR = 2
KEPT_OF_STDERR = 8192


class Frames:
    """Feed it what the socket gives; it returns what the program wrote to stdout."""

    def __init__(self) -> None:
        self._raw = bytearray()
        self._left = 0
        self._stream = 0
        self.stderr = b""

    def feed(self, data: bytes) -> bytes:
        self._raw += data
        out = bytearray()
        while self._raw:
            if not self._left and not self._next_head():
                break
            piece = bytes(self._raw[: self._left])
            del self._raw[: len(piece)]
            self._left -= len(piece)
            if self._stream == STDERR:
                self.stderr = (self.stderr + piece)[-KEPT_OF_STDERR:]
            else:
                out += piece
        return bytes(out)

    def _next_head(self) -> bool:
        if len(self._raw) < _HEAD.size:
            return False
        self._stream, self._left = _HEAD.unpack_from(self._raw)
        del self._raw[: _HEAD.size]
        return True
