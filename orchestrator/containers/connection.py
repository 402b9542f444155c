"""The one connection to the container engine: opened late, each call limited, retried, translated.

docker-py blocks, so each call runs in a thread of the connection's own: an engine that hangs holds up nobody
else's threads. The limit frees the caller, and the client's own read limit ends the thread. Only calls that
never reached the engine are made again.
"""

import asyncio
import os
import socket
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import TypeVar

import docker
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_exponential

from orchestrator.containers import address
from orchestrator.containers.faults import FOREIGN, never_arrived, translate
from orchestrator.core.errors import OrchestratorError

T = TypeVar("T")

#: Seconds. A question, a change, and the longest silence on one connection.
QUICK = 15.0
SLOW = 75.0
SILENCE = 60
ATTEMPTS = 4
#: Calls at once; more wait for their turn within their limit.
THREADS = 16


def knock(url: str) -> None:
    """Fail where nobody listens on a unix socket; docker-py would fail too, but leave its own end open."""
    if url.startswith("unix://"):
        with closing(socket.socket(socket.AF_UNIX)) as end:
            end.settimeout(QUICK)
            end.connect(url.removeprefix("unix://"))


class Connection:
    """A docker-py client that is made at the first call and shared by all of them."""

    def __init__(self, url: str | None = None, *, silence: float = SILENCE) -> None:
        self.address = address.choose(url or "", os.environ)
        self._silence = silence
        self._lock = threading.Lock()
        self._client: docker.APIClient | None = None
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="engine")

    def client(self) -> docker.APIClient:
        """The client itself, for code that runs in a thread already; making it asks the engine's version."""
        with self._lock:
            if self._client is None:
                if self.address.fault is not None:
                    raise self.address.fault
                url = self.address.url
                knock(url)
                self._client = docker.APIClient(base_url=url, version="auto", timeout=int(self._silence))
            return self._client

    async def call(self, ask: Callable[[docker.APIClient], T], *, limit: float = QUICK) -> T:
        """What `ask` returns.

        Raises:
            OrchestratorError: the engine is away, refuses, or takes longer than `limit` seconds.
        """
        loop = asyncio.get_running_loop()
        try:
            async for attempt in AsyncRetrying(
                retry=retry_if_exception(never_arrived),
                stop=stop_after_attempt(ATTEMPTS),
                wait=wait_exponential(multiplier=0.1, max=1),
                reraise=True,
            ):
                with attempt:
                    async with asyncio.timeout(limit):
                        return await loop.run_in_executor(self._threads, lambda: ask(self.client()))
        except OrchestratorError:
            raise
        except FOREIGN as exc:
            raise translate(exc, self.address) from exc
        raise AssertionError("tenacity ends with a result or an error")

    async def close(self) -> None:
        """Give back the idle sockets; held streams have their own."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            await asyncio.to_thread(client.close)
        self._threads.shutdown(wait=False)


async def settled(work: Awaitable[T], undo: Callable[[T], Awaitable[None]]) -> T:
    """The result of `work`; a caller that is cancelled meanwhile leaves only after it has been undone."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with suppress(OrchestratorError):
            await undo(await task)
        raise
