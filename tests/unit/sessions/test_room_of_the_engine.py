"""What a session may ask of the engine's machine."""

import pytest

from orchestrator.core.errors import InvalidInput
from orchestrator.core.policies import Limits
from orchestrator.core.ports import Outlook
from orchestrator.sessions.launch_plan import GIB, check_room

#: A machine of 24 GB, as its kernel counts it.
MACHINE = Outlook(image="agent:1", here=True, cpus=2, memory=int(23.5 * GIB))


@pytest.mark.parametrize(
    ("limits", "message", "hint"),
    [
        (
            Limits(memory=900 * GIB, cpus=1),
            "966,367,641,600 bytes of memory are more than the engine has: 24 GiB",
            "`--memory 24g` at most, or the setting agent.memory",
        ),
        (
            Limits(memory=24 * GIB + 1),
            "25,769,803,777 bytes of memory are more than the engine has: 24 GiB",
            "",
        ),
        (
            Limits(cpus=2.5),
            "2.5 processors are more than the engine has: 2",
            "`--cpus 2` at most, or the setting agent.cpus",
        ),
    ],
)
def test_more_than_the_machine_has_is_refused(limits: Limits, message: str, hint: str) -> None:
    """With what would do."""
    with pytest.raises(InvalidInput) as refused:
        check_room(limits, MACHINE)
    assert refused.value.message == message
    assert hint in refused.value.hint


@pytest.mark.parametrize("memory", [GIB, int(23.5 * GIB), 24 * GIB])
def test_the_whole_machine_may_be_asked_for(memory: int) -> None:
    """Also by the name that it goes by, although its kernel keeps a part."""
    check_room(Limits(memory=memory, cpus=2), MACHINE)


def test_an_engine_that_does_not_say_refuses_by_itself() -> None:
    """Nothing is guessed about its memory."""
    check_room(Limits(memory=900 * GIB), Outlook(image="agent:1", here=True, cpus=2, memory=0))
