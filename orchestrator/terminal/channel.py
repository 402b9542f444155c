"""A control-mode client held open: lines in, tmux's answer out, one exchange at a time.

It opens on demand and never repeats anything. What a loss or a lapse means is told by the error:
`ConnectionLost.ambiguous` is false where not one byte had been sent.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import count

from orchestrator.core.errors import ConnectionLost, OrchestratorError, TimedOut
from orchestrator.core.ports import ByteStream
from orchestrator.terminal.control import Block, ControlParser, Event, Notification

Opener = Callable[[], Awaitable[ByteStream]]


class Refused(Exception):
    """Tmux did not do it; `args[0]` are its words. It is translated before it leaves this room."""


class ControlChannel:
    """Not safe for two at a time; its owner holds a lock around each exchange."""

    def __init__(self, opener: Opener, *, limit: float) -> None:
        self._opener = opener
        self._limit = limit
        self._stream: ByteStream | None = None
        self._parser = ControlParser()
        self._unread: list[Event] = []
        self._marks = count(1)

    async def ask(self, lines: Sequence[str]) -> str:
        """Send the lines and wait until tmux has done them all; what they printed, joined.

        Raises:
            Refused: tmux could not do one of them, or would not let this client in.
            ConnectionLost: the client ended or could not be started.
            TimedOut: no answer in time; the client is given up, and what it did is not known.
        """
        try:
            return await self._exchange(lines)
        except Refused:
            raise
        except BaseException:
            await self._give_up()
            raise

    async def _exchange(self, lines: Sequence[str]) -> str:
        sent = False
        try:
            async with asyncio.timeout(self._limit):
                stream = self._stream or await self._open()
                mark = f"done-{next(self._marks)}"
                sent = True
                await stream.write(_spelled(*lines, f"display-message -p {mark}"))
                return _output(await self._until(stream, mark))
        except TimeoutError as exc:
            raise TimedOut(f"tmux did not answer within {self._limit:g} s") from exc
        except ConnectionLost as exc:
            raise ConnectionLost(exc.message, ambiguous=sent) from exc
        except OSError as exc:
            if isinstance(exc, OrchestratorError) and not sent:
                raise
            raise ConnectionLost(f"the connection to tmux broke: {exc}", ambiguous=sent) from exc

    async def _open(self) -> ByteStream:
        """Start the client and wait until it is attached: that alone answers with a block not ours."""
        self._parser, self._unread = ControlParser(), []
        stream = self._stream = await self._opener()
        event = await self._next(stream)
        while not isinstance(event, Block):
            event = await self._next(stream)
        if not event.ok:
            await self._give_up()
            raise Refused(event.text)
        return stream

    async def _until(self, stream: ByteStream, mark: str) -> list[Block]:
        blocks: list[Block] = []
        while True:
            event = await self._next(stream)
            if not isinstance(event, Block) or not event.ours:
                continue
            if event.lines == (mark,):
                return blocks
            blocks.append(event)

    async def _next(self, stream: ByteStream) -> Event:
        while not self._unread:
            data = await stream.read()
            if not data:
                raise ConnectionLost("tmux's client ended")
            self._unread = self._parser.feed(data)
        event = self._unread.pop(0)
        if isinstance(event, Notification) and event.name == "exit":
            raise ConnectionLost(f"tmux's client was sent away: {event.text or 'detached'}")
        return event

    async def _give_up(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            await _closed(stream, self._limit)

    async def close(self) -> None:
        """Detach first: a client whose pipes merely end can stay attached for a while."""
        stream, self._stream = self._stream, None
        if stream is None:
            return
        try:
            async with asyncio.timeout(self._limit):
                await stream.write(b"detach-client\n")
                while await stream.read():
                    pass
        except (TimeoutError, OSError, OrchestratorError):
            return  # it is gone already, or will be with its pipes
        finally:
            await _closed(stream, self._limit)


def _spelled(*lines: str) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


async def _closed(stream: ByteStream, limit: float) -> None:
    try:
        async with asyncio.timeout(limit):
            await stream.close()
    except (TimeoutError, OSError, OrchestratorError):
        return  # nothing is owed to a stream that nobody will use again


def _output(blocks: Sequence[Block]) -> str:
    failed = next((block for block in blocks if not block.ok), None)
    if failed is not None:
        raise Refused(failed.text)
    return "\n".join(block.text for block in blocks if block.lines)
