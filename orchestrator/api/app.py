"""The application: routes, errors, and the version that both sides must share."""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from orchestrator import __version__
from orchestrator.api import errors, fleet, sessions
from orchestrator.core.errors import DaemonVersionMismatch
from orchestrator.daemon.daemon import Daemon

VERSION_HEADER = "X-Orchestrator-Version"


def make_app(daemon: Daemon) -> FastAPI:
    app = FastAPI(title="orchestrator", version=__version__, docs_url=None, redoc_url=None)
    app.state.daemon = daemon
    errors.install(app)
    app.include_router(sessions.routes)
    app.include_router(fleet.routes)

    @app.middleware("http")
    async def same_version(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
        asked = request.headers.get(VERSION_HEADER, __version__)
        if asked != __version__ and request.url.path != "/v1/daemon/stop":
            mismatch = DaemonVersionMismatch(
                f"the daemon is {__version__}, this client {asked}",
                hint="`orchestrator daemon stop`; the next command starts the right one",
            )
            response: Response = JSONResponse(errors.known(mismatch), status_code=mismatch.http_status)
        else:
            response = await proceed(request)
        response.headers[VERSION_HEADER] = __version__
        return response

    return app
