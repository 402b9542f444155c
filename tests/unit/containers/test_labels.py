"""A container's labels are enough to know its session again."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.containers import labels
from orchestrator.core.errors import RecordCorrupt
from orchestrator.core.policies import Limits, Policies
from orchestrator.core.ports import Container, ContainerState
from orchestrator.core.session import Session
from orchestrator.testing.examples import a_session

#: What can stand in a record: whatever UTF-8 can carry.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
POLICIES = st.builds(
    Policies,
    model=TEXT,
    developer_instructions=TEXT,
    limits=st.builds(
        Limits, memory=st.integers(1, 2**40), cpus=st.floats(0.1, 64), pids=st.integers(1, 9999)
    ),
)
SESSIONS = st.builds(
    Session,
    session_id=TEXT,
    role=TEXT,
    project_id=TEXT,
    created_at=TEXT,
    container_name=TEXT,
    image=TEXT,
    workspace=TEXT,
    policies=POLICIES,
    secrets=st.lists(TEXT, max_size=3).map(tuple),
)
SESSION = a_session("k3v9x2m8qd", "reviewer")


@given(SESSIONS)
def test_a_session_survives_its_labels(session: Session) -> None:
    """Every field, of whatever text."""
    written = labels.labels(session)
    assert all(isinstance(value, str) for value in written.values())
    assert labels.session_from(written) == session


def test_a_found_container_gives_its_session_its_id() -> None:
    """The id did not exist when the labels were written."""
    container = Container(
        container_id="c1", name="n", state=ContainerState.RUNNING, labels=labels.labels(SESSION)
    )
    assert labels.found(container).container_id == "c1"


def changed(**changes: object) -> str:
    record = json.loads(labels.labels(SESSION)[labels.RECORD])
    return json.dumps({**record, **changes})


@pytest.mark.parametrize(
    "record",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        changed(schema=2),
        changed(desired="asleep"),
        changed(policies=None),
        changed(policies={"sandbox": "none"}),
        changed(more=1),
    ],
)
def test_labels_that_are_not_ours_are_corrupt(record: str) -> None:
    """Never a crash, never half a session."""
    with pytest.raises(RecordCorrupt):
        labels.session_from({labels.RECORD: record})


def test_labels_without_a_record_are_corrupt() -> None:
    """As on a container that somebody else labelled."""
    with pytest.raises(RecordCorrupt):
        labels.session_from({labels.SESSION: "k3v9x2m8qd"})
