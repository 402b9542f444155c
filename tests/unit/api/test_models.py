"""What the API takes: names on one line, paths without NUL, texts that UTF-8 can hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from orchestrator.api.models import InputRequest, LaunchRequest

CONTROLS = ["\n", "\r", "\x1b[31m", "\0", "\x7f", "\x85", "\u2028", "\ud800"]


@pytest.mark.parametrize("bad", CONTROLS)
def test_a_sender_or_tag_cannot_pass_for_something_else(bad: str) -> None:
    """They stand in the text of system notes, in logs and on terminals."""
    for fields in ({"from": f"ana{bad}x"}, {"tags": [f"a{bad}"]}, {"from": ""}, {"tags": ["a"] * 33}):
        with pytest.raises(ValidationError):
            InputRequest.model_validate({"text": "hello", **fields})


@pytest.mark.parametrize("field", ["branch", "model", "image", "parent", "base_url"])
@pytest.mark.parametrize("bad", CONTROLS)
def test_a_name_of_a_launch_is_one_line(field: str, bad: str) -> None:
    """It goes into labels, codex's configuration and command lines."""
    with pytest.raises(ValidationError):
        LaunchRequest.model_validate({"role": "reviewer", field: f"a{bad}b"})


def test_paths_may_be_strange_but_not_impossible() -> None:
    """A newline is a name's good right; NUL and half a character no file can have."""
    LaunchRequest.model_validate({"role": "reviewer", "workspace": "/srv/a b\nü"})
    for bad in ("/srv/\0", "/srv/\udc80"):
        for fields in ({"workspace": bad}, {"secrets": {"token": bad}}):
            with pytest.raises(ValidationError):
                LaunchRequest.model_validate({"role": "reviewer", **fields})


@pytest.mark.parametrize("cpus", [float("inf"), float("nan")])
def test_processors_are_a_number_of_them(cpus: float) -> None:
    """Infinity is none."""
    with pytest.raises(ValidationError):
        LaunchRequest.model_validate({"role": "reviewer", "cpus": cpus})


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_a_message_may_be_any_text(text: str) -> None:
    """Byte for byte, control characters too; only what UTF-8 cannot hold is refused."""
    assert InputRequest.model_validate({"text": text}).text == text
    with pytest.raises(ValidationError):
        InputRequest.model_validate({"text": text + "\ud800"})
