"""The store on disks that are full, read-only, or not there: real file systems."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.core.envelope import Envelope
from orchestrator.core.errors import StoreUnwritable
from orchestrator.core.ports import Checkpoint
from orchestrator.store.database import SqliteEventStore
from orchestrator.store.transcript import NdjsonTranscript
from orchestrator.testing.examples import SESSION_ID, a_draft, a_session
from tests.integration.store_stage import Program, program

__all__ = ["program"]


def mounted(disk: Path, *options: str) -> Iterator[Path]:
    """A file system in memory, as long as a test runs."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", *options, "none", str(disk)], check=True, timeout=20)
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True, timeout=20)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    yield from mounted(tmp_path / "disk", "-o", "size=1m")


async def test_a_full_disk_refuses_and_loses_nothing(small_disk: Path) -> None:
    """What was answered stays readable; as soon as there is room, the same writer goes on without a hole."""
    store = SqliteEventStore(small_disk / "events.db")
    await store.append(a_session(), [a_draft("first")], checkpoint=Checkpoint(offset=1, inode=1, line=1))
    ballast = small_disk / "ballast"
    with pytest.raises(OSError, match="No space left"):
        ballast.write_bytes(b"x" * 2_000_000)

    async def fill() -> None:
        while True:
            await store.append(a_session(), [a_draft("x" * 20_000)])

    for _ in range(2):
        with pytest.raises(StoreUnwritable):
            await fill()
    stored = (await store.latest(SESSION_ID, 1)).envelopes[0].seq
    assert (await store.checkpoint(SESSION_ID)).line == 1
    ballast.unlink()
    assert [e.seq for e in await store.append(a_session(), [a_draft("later")])] == [stored + 1]
    assert await store.check() == []
    await store.close()


def test_a_transcript_on_a_full_disk_has_whole_lines_only(small_disk: Path) -> None:
    """Half a line that still fitted is taken back, and what is missing is written when there is room."""
    path = small_disk / "transcript.ndjson"
    transcript = NdjsonTranscript(path)
    envelopes = [
        Envelope(seq=n, session_id=SESSION_ID, role="builder", branch="", draft=a_draft("x" * 30_000))
        for n in range(1, 11)
    ]
    transcript.append(envelopes[:2])
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 900_000)
    with pytest.raises(StoreUnwritable, match="No space left"):
        transcript.append(envelopes)
    assert path.stat().st_size % len(envelopes[0].to_line()) != 0
    ballast.unlink()
    transcript.append(envelopes)
    assert path.read_bytes() == b"".join(e.to_line() for e in envelopes)


async def test_a_file_that_may_not_grow_refuses(tmp_path: Path, program: Program) -> None:
    """The limit of a process is like a full disk: an error of ours, and the process lives on."""
    source = """
import asyncio, signal, sys
from pathlib import Path
from orchestrator.core.errors import StoreUnwritable
from orchestrator.store.database import SqliteEventStore
from orchestrator.testing.examples import a_draft, a_session

async def main():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    store = SqliteEventStore(Path(sys.argv[1]))
    count = 0
    try:
        while True:
            await store.append(a_session(), [a_draft("x" * 10_000)])
            count += 1
    except StoreUnwritable:
        page = await store.read(a_session().session_id, 0, 1000)
        print(count == len(page.envelopes), count > 3, await store.check(), flush=True)

asyncio.run(main())
"""
    process = program(source, str(tmp_path / "events.db"), limit=300_000)
    assert process.stdout is not None
    assert process.stdout.readline() == b"True True []\n"


async def test_a_place_where_nothing_can_be_made_is_an_error_of_ours(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "outputs").write_text("")
    store = SqliteEventStore(tmp_path / "outputs" / "events.db")
    with pytest.raises(StoreUnwritable, match="outputs"):
        await store.append(a_session(), [a_draft("a")])
    with pytest.raises(StoreUnwritable, match="outputs"):
        await store.read(SESSION_ID, 0, 1)
    await store.close()


@pytest.fixture
def read_only_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder that can be made read-only, as a file system that met errors is."""
    yield from mounted(tmp_path / "disk")


async def test_a_read_only_disk_refuses_and_can_be_read(read_only_disk: Path) -> None:
    """When it can be written again, the same writer goes on."""
    store = SqliteEventStore(read_only_disk / "events.db")
    await store.append(a_session(), [a_draft("a")])
    await store.close()
    _remount(read_only_disk, "ro")
    store = SqliteEventStore(read_only_disk / "events.db")
    with pytest.raises(StoreUnwritable):
        await store.append(a_session(), [a_draft("b")])
    _remount(read_only_disk, "rw")
    assert [e.seq for e in await store.append(a_session(), [a_draft("b")])] == [2]
    await store.close()


def _remount(disk: Path, mode: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{mode}", str(disk)], check=True, timeout=20)
