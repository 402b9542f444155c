"""Failures on the wire: the status and the code of `core.errors`, never a traceback."""

from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from orchestrator.core.errors import OrchestratorError

log = structlog.get_logger()


def error_body(code: str, message: str, hint: str = "") -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "hint": hint}}


def known(exc: OrchestratorError) -> dict[str, Any]:
    return error_body(exc.code, exc.message, exc.hint)


def install(app: FastAPI) -> None:
    @app.exception_handler(OrchestratorError)
    async def expected(_: Request, exc: OrchestratorError) -> JSONResponse:
        return JSONResponse(known(exc), status_code=exc.http_status)

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, exc: RequestValidationError) -> JSONResponse:
        first = exc.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "body")
        return JSONResponse(
            error_body("invalid_input", f"{where}: {first['msg'].removeprefix('Value error, ')}"),
            status_code=422,
        )

    @app.exception_handler(HTTPException)
    async def no_such_route(_: Request, exc: HTTPException) -> JSONResponse:
        return JSONResponse(error_body("no_such_route", str(exc.detail)), status_code=exc.status_code)

    @app.exception_handler(Exception)
    async def unexpected(request: Request, exc: Exception) -> JSONResponse:
        log.error("request_broke", path=request.url.path, exc_info=exc)
        return JSONResponse(
            error_body("bug", f"{type(exc).__name__}: {exc}", "the daemon's log has the traceback"),
            status_code=500,
        )
