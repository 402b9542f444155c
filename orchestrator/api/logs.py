"""The daemon's log: one JSON line an event on stderr, the HTTP server's own complaints among them."""

import asyncio
import logging
import sys

import structlog


def log_to_stderr() -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    server = logging.getLogger("uvicorn.error")
    server.handlers = [_OfTheServer(logging.WARNING)]
    server.propagate = False


class _OfTheServer(logging.Handler):
    """A request that was cancelled, as the daemon stops or its client left, is no fault."""

    def emit(self, record: logging.LogRecord) -> None:
        cause = record.exc_info[1] if record.exc_info else None
        if isinstance(cause, asyncio.CancelledError):
            return
        said = record.getMessage().splitlines()[:1]
        structlog.get_logger().warning("http_server", said=" ".join(said), exc_info=cause)
