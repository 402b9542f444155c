"""Builds the images that the tests need, before any test's time runs; prints the agent image's name."""

import asyncio
import os
import sys

from orchestrator.containers.connection import Connection
from orchestrator.containers.images import DockerImages
from orchestrator.core.errors import OrchestratorError
from tests.docker import computer

BASE_IMAGE = "debian:bookworm-slim"


def tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


async def make() -> str:
    """The agent image's name."""
    connection = Connection()
    images = DockerImages(connection, base_image=BASE_IMAGE)
    try:
        await images.ensure_model(tell)
        return await images.ensure("", os.getuid() or 1000, tell)
    finally:
        await connection.close()


if __name__ == "__main__":
    try:
        name = asyncio.run(make())
        computer.build(tell)
        sys.stdout.write(f"{name}\n")
    except OrchestratorError as exc:
        sys.exit(f"error: {exc.message}\n{exc.hint}")
