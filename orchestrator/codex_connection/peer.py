"""One connection to an app-server over any byte stream: the handshake, calls, and what the server says.

It owns the stream and one reader task, from `open` to `close`. It never answers a server request: an error
reply would reject an approval for every client.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orchestrator.codex import rpc, websocket
from orchestrator.core.errors import CodexRefused, ConnectionLost, TimedOut

if TYPE_CHECKING:  # the ports are half a megabyte that a container does not need
    from orchestrator.core.ports import ByteStream

_VERSION = "1"
_PATIENCE_AT_CLOSE = 2.0


class Connection:
    """An initialized connection. Make it with `open`; `close` it always."""

    def __init__(self, stream: "ByteStream", *, listen: bool) -> None:
        self._stream = stream
        self._decoder = websocket.Decoder()
        self._writing = asyncio.Lock()
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._last_id = 0
        self._listen = listen
        self._heard: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._lost = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None
        self.why_closed = ""
        #: The server's answer to `initialize`: its version stands in `userAgent`.
        self.server: dict[str, Any] = {}

    @classmethod
    async def open(
        cls,
        stream: "ByteStream",
        *,
        name: str,
        opt_out: Sequence[str] = (),
        timeout: float = 10,  # noqa: ASYNC109 - the limit is part of every call's contract
        listen: bool = True,
    ) -> "Connection":
        """Upgrade, `initialize`, `initialized`. The stream is closed again where that fails.

        With `listen=False` everything but answers is dropped: for a client that only commands.

        Raises:
            TimedOut, ConnectionLost, CodexRefused: the server did not, could not or would not.
        """
        self = cls(stream, listen=listen)
        try:
            async with asyncio.timeout(timeout):
                early = await self._upgrade()
                self._reader = asyncio.create_task(self._read(early), name=f"reader of {name}")
                params = rpc.initialize_params(name, _VERSION, tuple(opt_out))
                self.server = await self.call("initialize", params, timeout=timeout)
                await self._send(rpc.notification("initialized"))
        except TimeoutError as exc:
            await self.close()
            raise TimedOut("the app-server did not finish the handshake") from exc
        except BaseException:
            await self.close()
            raise
        return self

    @property
    def closed(self) -> bool:
        return self._lost.is_set()

    async def call(self, method: str, params: Mapping[str, Any], *, timeout: float = 10) -> dict[str, Any]:  # noqa: ASYNC109 - as in open
        """The result of one request.

        Raises:
            CodexRefused: the server answered with an error; its code is `rpc_code`.
            TimedOut: no answer in time. A late one is dropped.
            ConnectionLost: the connection ended first.
        """
        if self.closed:
            raise ConnectionLost(self.why_closed)
        self._last_id += 1
        ident = self._last_id
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[ident] = answer
        try:
            async with asyncio.timeout(timeout):
                await self._send(rpc.request(ident, method, params))
                return await answer
        except TimeoutError as exc:
            raise TimedOut(f"codex did not answer {method} within {timeout:g} s") from exc
        finally:
            self._waiting.pop(ident, None)
            if answer.done() and not answer.cancelled():
                answer.exception()

    async def messages(self) -> AsyncIterator[dict[str, Any]]:
        """Notifications and server requests in their order, until the connection ends. For one reader."""
        while (message := await self._heard.get()) is not None:
            yield message
        self._heard.put_nowait(None)

    async def close(self) -> None:
        """End the connection and its reader; harmless when it has ended."""
        if not self.closed:
            await self._say_goodbye()
        self._end("closed by us")
        if self._reader is not None and self._reader is not asyncio.current_task():
            self._reader.cancel()
            await asyncio.wait([self._reader])
        await self._stream.close()

    async def _say_goodbye(self) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_AT_CLOSE):
                await self._write(websocket.close(os.urandom(4)))
        except (TimeoutError, ConnectionLost) as exc:
            self.why_closed = self.why_closed or str(exc)

    async def _upgrade(self) -> bytes:
        """Open the WebSocket; what came after the head of the answer already belongs to it."""
        nonce = os.urandom(16)
        await self._write(websocket.upgrade_request(nonce))
        data = b""
        try:
            while (parts := websocket.split_head(data)) is None:
                piece = await self._stream.read()
                if not piece:
                    raise ConnectionLost(f"the connection ended in the handshake: {data[:200]!r}")
                data += piece
            websocket.check_upgrade(parts[0], nonce)
        except (websocket.ProtocolError, OSError) as exc:
            raise exc if isinstance(exc, ConnectionLost) else ConnectionLost(str(exc)) from exc
        return parts[1]

    async def _read(self, data: bytes) -> None:
        why = "the app-server closed the connection"
        try:
            await self._take(data)
            while not self.closed and (data := await self._stream.read()):
                await self._take(data)
        except (OSError, websocket.ProtocolError, rpc.Malformed) as exc:
            why = str(exc) or type(exc).__name__
        finally:
            self._end(why)

    async def _take(self, data: bytes) -> None:
        for event in self._decoder.receive(data):
            match event:
                case websocket.Text(text):
                    self._hear(rpc.classify(text))
                case websocket.Ping(payload):
                    await self._write(websocket.pong(payload, os.urandom(4)))
                case websocket.Close(code, reason):
                    self._end(f"the app-server closed the connection: {code} {reason}")
                case websocket.Pong():
                    pass

    def _hear(self, incoming: rpc.Incoming) -> None:
        match incoming:
            case rpc.Result(ident, value):
                if (answer := self._waiting.get(ident)) and not answer.done():
                    answer.set_result(value)
            case rpc.Refusal(ident, code, message):
                if (answer := self._waiting.get(ident)) and not answer.done():
                    answer.set_exception(CodexRefused(message, rpc_code=code))
            case rpc.Notification(_, message) | rpc.ServerRequest(_, _, message):
                if self._listen:
                    self._heard.put_nowait(message)

    def _end(self, why: str) -> None:
        if self.closed:
            return
        self.why_closed = self.why_closed or why
        self._lost.set()
        self._heard.put_nowait(None)
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(ConnectionLost(self.why_closed))

    async def _send(self, text: str) -> None:
        await self._write(websocket.text_message(text, os.urandom(4)))

    async def _write(self, data: bytes) -> None:
        try:
            async with self._writing:
                await self._stream.write(data)
        except OSError as exc:
            raise exc if isinstance(exc, ConnectionLost) else ConnectionLost(str(exc)) from exc
