"""The store against death and rivals: real processes, real kills."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

from orchestrator.store.database import SqliteEventStore
from orchestrator.testing.examples import SESSION_ID, a_draft, a_session
from tests.integration.store_stage import Program, opened, program

__all__ = ["opened", "program"]


APPENDING = """
import asyncio, sys
from pathlib import Path
from orchestrator.core.ports import Checkpoint
from orchestrator.store.database import SqliteEventStore
from orchestrator.testing.examples import a_draft, a_receipt, a_session

async def main():
    store, session = SqliteEventStore(Path(sys.argv[1])), a_session()
    place = await store.checkpoint(session.session_id)
    while True:
        n = place.line + 1
        new = Checkpoint(offset=10 * n, inode=1, line=n, time=n)
        texts = [f"{n}.{part}" for part in range(n % 4 + 1)]
        made = await store.append(session, [a_draft(t) for t in texts], checkpoint=new, after=place,
                                  receipts=[a_receipt("last", text=str(n))])
        assert len(made) == len(texts)
        place = new
        sys.stdout.write(f"{n}\\n")
        sys.stdout.flush()

asyncio.run(main())
"""


def expected(lines: int) -> list[str]:
    return [f"{n}.{part}" for n in range(1, lines + 1) for part in range(n % 4 + 1)]


async def test_a_killed_writer_leaves_whole_commits(
    tmp_path: Path, program: Program, opened: Callable[[], SqliteEventStore]
) -> None:
    """Killed again and again: seqs have no hole, the checkpoint fits, and what was told is there."""
    told = 0
    for _ in range(6):
        process = program(APPENDING, str(tmp_path / "events.db"))
        assert process.stdout is not None
        for _ in range(25):
            told = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().split(b"\n")[:-1]
        told = int(rest[-1]) if rest else told
        process.wait(timeout=20)
    store = opened()
    place = await store.checkpoint(SESSION_ID)
    found = (await store.read(SESSION_ID, 0, 1_000_000)).envelopes
    assert place.line >= told
    assert [e.draft.text for e in found] == expected(place.line)
    assert [e.seq for e in found] == list(range(1, len(found) + 1))
    assert (await store.receipt("last")).text == str(place.line)
    assert await store.check() == []


async def test_two_processes_that_collect_store_each_line_once(
    tmp_path: Path, program: Program, opened: Callable[[], SqliteEventStore]
) -> None:
    """Whoever is second with a checkpoint goes on from the stored one."""
    source = APPENDING.replace("assert len(made) == len(texts)", "").replace(
        "place = new", "place = new if made else await store.checkpoint(session.session_id)"
    )
    both = [program(source, str(tmp_path / "events.db")) for _ in range(2)]
    for process in both:
        assert process.stdout is not None
        for _ in range(30):
            assert process.stdout.readline()
    for process in both:
        assert process.poll() is None
        process.kill()
        process.wait(timeout=20)
    store = opened()
    place = await store.checkpoint(SESSION_ID)
    found = (await store.read(SESSION_ID, 0, 1_000_000)).envelopes
    assert [e.draft.text for e in found] == expected(place.line)
    assert place.line >= 30


CLAIMING = """
import sys
from pathlib import PurePosixPath
from orchestrator.core.errors import RoleBusy
from orchestrator.core.places import Home
from orchestrator.store.registry import JsonRegistry
from orchestrator.testing.examples import a_session

registry = JsonRegistry(Home(PurePosixPath(sys.argv[1])))
print(registry.project_id(), flush=True)
for line in sys.stdin:
    try:
        registry.claim(a_session(sys.argv[2], line.strip()))
        print("won", flush=True)
    except RoleBusy:
        print("busy", flush=True)
"""


def test_of_three_processes_that_claim_a_role_one_wins(tmp_path: Path, program: Program) -> None:
    """In each of many rounds; and all three found the same project at the same start."""
    ids = ["aaa0123456", "bbb0123456", "ccc0123456"]
    racers = [program(CLAIMING, str(tmp_path), name) for name in ids]
    assert len({process.stdout.readline() for process in racers if process.stdout}) == 1
    for number in range(20):
        for process in racers:
            assert process.stdin is not None
            process.stdin.write(f"role{number}\n".encode())
            process.stdin.flush()
        said = sorted(process.stdout.readline() for process in racers if process.stdout)
        assert said == [b"busy\n", b"busy\n", b"won\n"]
        for name in ids:
            (tmp_path / "registry" / f"{name}.json").unlink(missing_ok=True)


async def test_a_database_is_made_once_by_many(opened: Callable[[], SqliteEventStore]) -> None:
    """Several that open a new file at the same moment all get on."""
    stores = [opened() for _ in range(5)]
    await asyncio.gather(*(s.append(a_session(), [a_draft("x")]) for s in stores for _ in range(4)))
    reads = [s.read(SESSION_ID, 0, 100) for s in stores]
    assert {len(page.envelopes) for page in await asyncio.gather(*reads)} == {20}
