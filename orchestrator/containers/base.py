"""What the agent image is built on: the image that is set, or one made here where no registry answers."""

import asyncio
import os
import tempfile
from asyncio.subprocess import PIPE, STDOUT
from dataclasses import dataclass
from pathlib import Path

from orchestrator.containers import resources
from orchestrator.containers.building import UPLOAD_LIMIT, Narrator
from orchestrator.containers.connection import Connection
from orchestrator.containers.pulling import exists, find, pull
from orchestrator.core.errors import ImageNotFound, ImageUnavailable, TimedOut
from orchestrator.core.ports import Progress

OWN_BASE = "orchestrator-base:bookworm"
#: Seconds, for debootstrap.
ROOTFS_LIMIT = 900.0
_COMMAND = 'CMD ["bash"]'


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """An image to build on, and what has to be done to have it, a command line each."""

    image: str
    steps: tuple[str, ...] = ()
    #: Why it is not the one that was wanted; empty where it is.
    instead: str = ""


async def foresee(connection: Connection, wanted: str) -> Foundation:
    """The wanted image where it is here or can be pulled, else our own; nothing is fetched or made.

    Raises:
        ImageUnavailable: there is neither, and our own cannot be made here.
    """
    if await exists(connection, wanted):
        return Foundation(image=wanted)
    if wanted != OWN_BASE:
        try:
            await find(connection, wanted)
        except ImageNotFound as exc:
            return await _own(connection, exc.message)
        return Foundation(image=wanted, steps=(f"docker pull {wanted}",))
    return await _own(connection, "")


async def _own(connection: Connection, instead: str) -> Foundation:
    if await exists(connection, OWN_BASE):
        return Foundation(image=OWN_BASE, instead=instead)
    if os.geteuid() != 0:
        why = instead or f"{OWN_BASE} is not here"
        raise ImageUnavailable(
            f"there is no image to build on: {why}, and making one needs root",
            hint="run `orchestrator image build` once as root, or set engine.base_image to one you have",
        )
    steps = (f"bash {_script()} rootfs.tar", f"docker import -c {_COMMAND!r} rootfs.tar {OWN_BASE}")
    return Foundation(image=OWN_BASE, steps=steps, instead=instead)


async def choose(connection: Connection, wanted: str, progress: Progress) -> str:
    """The image that `foresee` names, which is here when this returns.

    Raises:
        ImageUnavailable: as `foresee`, or making our own failed.
    """
    found = await foresee(connection, wanted)
    if found.image == wanted and found.steps and wanted != OWN_BASE:
        try:
            await pull(connection, wanted, progress)
        except ImageUnavailable as exc:
            found = await _own(connection, exc.message)
    if found.instead:
        progress(f"{found.instead}; building on {OWN_BASE} instead")
    if found.image == OWN_BASE and found.steps:
        await _make(connection, progress)
    return found.image


def _script() -> Path:
    return resources.images() / "base" / "rootfs.sh"


async def _make(connection: Connection, progress: Progress) -> None:
    progress(f"making {OWN_BASE} with debootstrap; this takes about a minute")
    with tempfile.TemporaryDirectory(prefix="orchestrator-base-") as folder:
        rootfs = Path(folder, "rootfs.tar")
        await _debootstrap(rootfs, progress)
        name, tag = OWN_BASE.split(":")
        await connection.call(
            lambda c: c.import_image_from_file(str(rootfs), repository=name, tag=tag, changes=[_COMMAND]),
            limit=UPLOAD_LIMIT,
        )


async def _debootstrap(rootfs: Path, progress: Progress) -> None:
    argv = ("bash", str(_script()), str(rootfs))
    process = await asyncio.create_subprocess_exec(*argv, stdout=PIPE, stderr=STDOUT)
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
