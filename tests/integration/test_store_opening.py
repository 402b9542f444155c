"""Several programs that open one new event store at the same moment."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from filelock import FileLock

from orchestrator.core.errors import StoreUnwritable
from orchestrator.store import database
from orchestrator.store.database import SqliteEventStore
from orchestrator.testing.examples import SESSION_ID, a_draft, a_session

ROUNDS = 15
OPENING = """
import asyncio, sys
from pathlib import Path
from orchestrator.core.errors import StoreUnwritable
from orchestrator.store.database import SqliteEventStore
from orchestrator.testing.examples import a_draft, a_session

async def appended(path):
    store = SqliteEventStore(path)
    try:
        await store.append(a_session(), [a_draft("x")])
    except StoreUnwritable as exc:
        return exc.message
    finally:
        await store.close()
    return "stored"

print("ready", flush=True)
for line in sys.stdin:
    print(asyncio.run(appended(Path(line.strip()))), flush=True)
"""


@pytest.fixture
def programs() -> Iterator[list["subprocess.Popen[str]"]]:
    """Three that open a store whose path they are given, and say what came of it."""
    with ExitStack() as stack:
        started = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", OPENING],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    bufsize=1,
                )
            )
            for _ in range(3)
        ]
        for process in started:
            stack.callback(process.kill)
        assert [heard(process) for process in started] == ["ready"] * 3
        yield started


def heard(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: "subprocess.Popen[str]", path: Path) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{path}\n")
    process.stdin.flush()


async def test_programs_that_open_a_new_store_at_once_all_get_on(
    tmp_path: Path, programs: list["subprocess.Popen[str]"]
) -> None:
    """In each of many rounds; nobody is told that it is locked."""
    for number in range(ROUNDS):
        path = tmp_path / f"{number}.db"
        for process in programs:
            tell(process, path)
        assert [heard(process) for process in programs] == ["stored"] * 3
        store = SqliteEventStore(path)
        assert [e.seq for e in (await store.read(SESSION_ID, 0, 10)).envelopes] == [1, 2, 3]
        await store.close()


async def test_a_store_that_another_program_is_opening_is_waited_for_only_so_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then it says so; as soon as the other is done, the same store goes on."""
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    store = SqliteEventStore(tmp_path / "events.db")
    with (
        FileLock(tmp_path / ".events.db.lock"),
        pytest.raises(StoreUnwritable, match="is being opened by another program"),
    ):
        await store.append(a_session(), [a_draft("x")])
    assert [e.seq for e in await store.append(a_session(), [a_draft("x")])] == [1]
    await store.close()
