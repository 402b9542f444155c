"""One HTTP request over a unix socket. h11 knows the protocol; this moves the bytes.

h11 rather than `http.client`, which loads TLS and the parser of e-mail for every command that is typed.
"""

import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import h11

CONNECT_SECONDS = 5.0
BLOCK = 65536
BAD_REQUEST = 400


@dataclass(frozen=True, slots=True)
class Head:
    """What an answer begins with; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]

    @property
    def refused(self) -> bool:
        return self.status >= BAD_REQUEST


class Exchange:
    """A connection for one request and its answer. `seconds` limits each wait for bytes; None waits on.

    Its methods raise OSError, TimeoutError and `h11.RemoteProtocolError`, the last for one cut off.
    """

    def __init__(self, path: Path, seconds: float | None) -> None:
        self._path = path
        self._seconds = seconds
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._wire = h11.Connection(h11.CLIENT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def connect(self) -> None:
        self._socket.settimeout(min(CONNECT_SECONDS, self._seconds or CONNECT_SECONDS))
        self._socket.connect(str(self._path))
        self._socket.settimeout(self._seconds)

    def ask(self, method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> Head:
        """Send the request and wait for the head of its answer."""
        length = {} if body is None else {"Content-Length": str(len(body))}
        named = {"Host": "orchestrator", **headers, **length}
        asked = h11.Request(method=method, target=target, headers=list(named.items()))
        parts = [asked, *([h11.Data(data=body)] if body else []), h11.EndOfMessage()]
        self._socket.sendall(b"".join(self._wire.send(part) or b"" for part in parts))
        answer = self._next()
        while isinstance(answer, h11.InformationalResponse):
            answer = self._next()
        if not isinstance(answer, h11.Response):
            raise h11.RemoteProtocolError(f"an answer begins with {answer!r}")
        return Head(answer.status_code, {name.decode(): value.decode() for name, value in answer.headers})

    def blocks(self) -> Iterator[bytes]:
        """The body as it comes; ends only where the answer ended in good order."""
        while isinstance(event := self._next(), h11.Data):
            yield bytes(event.data)

    def read(self) -> bytes:
        return b"".join(self.blocks())

    def _next(self) -> object:
        while (event := self._wire.next_event()) is h11.NEED_DATA:
            self._wire.receive_data(self._socket.recv(BLOCK))
        return event
