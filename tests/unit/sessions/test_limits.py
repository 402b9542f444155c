"""Limits that no engine and no Linux could have, whatever the machine."""

import pytest

from orchestrator.core.errors import InvalidInput
from orchestrator.core.policies import Limits
from orchestrator.sessions.launch_plan import MOST_MEMORY, MOST_PIDS, check_limits


@pytest.mark.parametrize(
    ("limits", "said", "setting"),
    [
        (Limits(memory=MOST_MEMORY + 1), "bytes of memory are more than any engine has", "agent.memory"),
        (Limits(pids=MOST_PIDS + 1), "processes are more than Linux can have: 4,194,304", "agent.pids"),
    ],
)
def test_what_cannot_be_counted_is_refused(limits: Limits, said: str, setting: str) -> None:
    """With the option and the setting that would change it."""
    with pytest.raises(InvalidInput) as refused:
        check_limits(limits)
    assert said in refused.value.message
    assert setting in refused.value.hint


def test_the_most_that_can_be_counted_passes() -> None:
    """What the engine's machine has of it is asked later."""
    check_limits(Limits(memory=MOST_MEMORY, pids=MOST_PIDS))
