"""What the agent image is built on: the image that is set, or one made here where no registry answers."""

import asyncio
import os
import tempfile
from asyncio.subprocess import PIPE, STDOUT
from contextlib import aclosing
from pathlib import Path

from orchestrator.containers import resources
from orchestrator.containers.building import UPLOAD_LIMIT, Narrator, follow
from orchestrator.containers.connection import SLOW, Connection
from orchestrator.core.errors import ContainerGone, ImageUnavailable, OrchestratorError, TimedOut
from orchestrator.core.ports import Progress

OWN_BASE = "orchestrator-base:bookworm"
#: Seconds: for a registry to know an image, and for debootstrap.
REGISTRY_LIMIT = 20.0
ROOTFS_LIMIT = 900.0


async def exists(connection: Connection, image: str) -> bool:
    try:
        await connection.call(lambda c: c.inspect_image(image))  # type: ignore[no-untyped-call]  # bare in its stubs
    except (ImageUnavailable, ContainerGone):
        return False
    return True


async def pull(connection: Connection, image: str, progress: Progress) -> None:
    """Fetch an image.

    Raises:
        ImageUnavailable: no registry has it, or none answers.
    """
    try:
        await connection.call(
            lambda c: c.inspect_distribution(image),  # type: ignore[no-untyped-call]  # bare in its stubs
            limit=REGISTRY_LIMIT,
        )
    except OrchestratorError as exc:
        raise ImageUnavailable(f"{image} is not here and cannot be pulled") from exc
    repository, _, tag = image.rpartition(":") if ":" in image.rsplit("/", 1)[-1] else (image, "", "latest")
    progress(f"pulling {image}")
    narrator = Narrator(progress)
    messages = follow(connection, lambda c: c.pull(repository, tag=tag, stream=True, decode=True), limit=SLOW)
    async with aclosing(messages):
        async for said in messages:
            narrator.hear(said)


async def choose(connection: Connection, wanted: str, progress: Progress) -> str:
    """The image to build on: the wanted one where it is here or can be pulled, else our own.

    Raises:
        ImageUnavailable: there is neither, and our own cannot be made here.
    """
    if await exists(connection, wanted):
        return wanted
    if wanted != OWN_BASE:
        try:
            await pull(connection, wanted, progress)
        except ImageUnavailable as exc:
            progress(f"{exc.message}; building on {OWN_BASE} instead")
        else:
            return wanted
    if not await exists(connection, OWN_BASE):
        await _make(connection, progress)
    return OWN_BASE


async def _make(connection: Connection, progress: Progress) -> None:
    if os.geteuid() != 0:
        raise ImageUnavailable(
            "there is no image to build on: no registry answers, and making one needs root",
            hint="run `orchestrator image build` once as root, or set engine.base_image to an image you have",
        )
    progress(f"making {OWN_BASE} with debootstrap; this takes about a minute")
    with tempfile.TemporaryDirectory(prefix="orchestrator-base-") as folder:
        rootfs = Path(folder, "rootfs.tar")
        await _debootstrap(rootfs, progress)
        name, tag = OWN_BASE.split(":")
        await connection.call(
            lambda c: c.import_image_from_file(
                str(rootfs), repository=name, tag=tag, changes=['CMD ["bash"]']
            ),
            limit=UPLOAD_LIMIT,
        )


async def _debootstrap(rootfs: Path, progress: Progress) -> None:
    script = str(resources.images() / "base" / "rootfs.sh")
    process = await asyncio.create_subprocess_exec("bash", script, str(rootfs), stdout=PIPE, stderr=STDOUT)
    narrator = Narrator(progress)
    last = ""
    try:
        async with asyncio.timeout(ROOTFS_LIMIT):
            assert process.stdout is not None  # noqa: S101 - a pipe was asked for
            async for line in process.stdout:
                last = line.decode(errors="replace").strip() or last
                narrator.hear({"stream": last})
            status = await process.wait()
    except TimeoutError as exc:
        raise TimedOut("debootstrap did not end in time") from exc
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if status:
        raise ImageUnavailable(f"{OWN_BASE} cannot be made: {last}", hint="`apt-get install debootstrap`")
