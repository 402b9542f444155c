"""The official `openai-codex` models accept every message that our codec reads and writes.

They are strict about types and silent about extra fields; codex's experimental methods are not among them.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.codex import asks, requests, translate
from orchestrator.codex.notifications import NOTIFICATIONS
from orchestrator.codex.recording import Line, Source, decode
from orchestrator.codex.rpc import initialize_params
from orchestrator.core.policies import Approval, Reasoning, Sandbox
from orchestrator.supervisor import thread as supervised
from orchestrator.supervisor.order import parse

official = pytest.importorskip(
    "openai_codex.generated.v2_all", reason="the contract group of dependencies is not installed"
)
registry = pytest.importorskip("openai_codex.generated.notification_registry")

GOLDEN = Path(__file__).parents[1] / "golden" / "codex"
LINES = [
    pytest.param(decode(line), id=f"{file.stem}-{number}")
    for file in sorted(GOLDEN.glob("*.ndjson"))
    for number, line in enumerate(file.read_bytes().splitlines(), 1)
]


def told(line: Line) -> bool:
    """Whether the line is a notification of codex's own, or made in the shape of one."""
    return line.source is not Source.SUPERVISOR and "id" not in line.message


@pytest.mark.parametrize("line", [each for each in LINES if told(each.values[0])])  # type: ignore[arg-type]  # a Line
def test_the_official_models_accept_what_we_read(line: Line) -> None:
    """Each notification of the recordings, also one that was rebuilt, has the official form."""
    registry.NOTIFICATION_MODELS[line.method].model_validate(line.params)


def test_our_names_of_notifications_are_the_official_ones() -> None:
    """What we opt out of is everything that there is."""
    assert set(NOTIFICATIONS) == set(registry.NOTIFICATION_MODELS)


def test_every_rule_is_of_a_real_method() -> None:
    """A misspelt method would be a rule that never holds."""
    asked = {*asks.APPROVALS, *asks.QUESTIONS}
    assert set(translate.RULES) - asked <= set(registry.NOTIFICATION_MODELS)
    assert set(registry.NOTIFICATION_MODELS) >= translate.QUIET


ORDERS = [
    parse(
        {
            "schema": 1,
            "session_id": "abcdefghjk",
            "role": "dev",
            "desired": "running",
            "cwd": "/work",
            "sandbox": sandbox.value,
            "approval": approval.value,
            "model": model,
            "reasoning": reasoning,
            "developer_instructions": words,
            "thread_id": "",
        }
    )
    for sandbox in Sandbox
    for approval in Approval
    for model, reasoning, words in (("", None, ""), ("gpt-6.1-sol", Reasoning.HIGH.value, "be kind"))
]
WRITTEN: list[tuple[str, dict[str, Any]]] = [
    ("InitializeParams", initialize_params("control", "1", NOTIFICATIONS)),
    ("TurnStartParams", requests.turn_start("t", "text", "m")),
    ("TurnSteerParams", requests.turn_steer("t", "turn", "text", "m")),
    ("TurnInterruptParams", requests.turn_interrupt("t", "turn")),
    ("ThreadReadParams", requests.thread_read("t")),
    ("ThreadTurnsListParams", requests.turns_list("t", limit=1)),
    ("ThreadTurnsListParams", requests.turns_list("t", limit=9, items="full", cursor="c")),
    ("ThreadSetNameParams", requests.thread_name("t", "name")),
    *(("ThreadStartParams", supervised.start_params(order)) for order in ORDERS),
    *(("ThreadResumeParams", supervised.resume_params(order, "t")) for order in ORDERS),
]


@pytest.mark.parametrize(("model", "params"), WRITTEN)
def test_the_official_models_accept_what_we_write(model: str, params: dict[str, Any]) -> None:
    """Each request's parameters are valid, and not one field of ours is unknown to the official model."""
    found = getattr(official, model)
    found.model_validate(params)
    known = {field.alias or name for name, field in found.model_fields.items()}
    assert params.keys() <= known


def test_the_check_can_fail() -> None:
    """A wrong type is refused; what is accepted above is accepted for a reason."""
    with pytest.raises(ValueError, match="threadId"):
        official.TurnStartParams.model_validate(json.loads('{"threadId":1,"input":[]}'))
