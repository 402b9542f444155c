"""What a session's config.toml says, read back by an independent parser and by codex itself."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.codex.config import PROVIDER, config_toml, quoted
from orchestrator.core.errors import InvalidInput
from orchestrator.core.policies import Approval, Policies, Reasoning, Sandbox

#: Any text without halves of characters.
texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(texts)
def test_a_quoted_text_is_read_back_the_same(text: str) -> None:
    """Quoting loses nothing and lets nothing out of its quotes."""
    assert tomllib.loads(f"x = {quoted(text)}") == {"x": text}


@given(model=texts, instructions=texts, base_url=texts, key_file=texts)
def test_no_text_escapes_its_key(model: str, instructions: str, base_url: str, key_file: str) -> None:
    """Whatever a person writes into a setting ends in that setting and nowhere else."""
    policies = Policies(model=model, developer_instructions=instructions)
    read = tomllib.loads(config_toml(policies, base_url=base_url, key_file=key_file))
    assert read.get("model", "") == model
    assert read.get("developer_instructions", "") == instructions
    provider = read.get("model_providers", {}).get(PROVIDER, {})
    assert provider.get("base_url", "") == base_url
    assert provider.get("auth", {}).get("args", []) == ([key_file] if base_url and key_file else [])
    assert read["features"] == {"daemon_auto_start": False, "plugins": False}


@pytest.mark.parametrize("sandbox", Sandbox)
@pytest.mark.parametrize("approval", Approval)
def test_policies_stand_in_the_file(sandbox: Sandbox, approval: Approval) -> None:
    """Whoever resumes the thread gets the session's policies from the file, as far as codex allows there."""
    policies = Policies(sandbox=sandbox, approval=approval, reasoning=Reasoning.HIGH, model="m")
    read = tomllib.loads(config_toml(policies))
    in_the_file = "on-request" if approval is Approval.UNTRUSTED else approval.value
    assert (read["sandbox_mode"], read["approval_policy"]) == (sandbox.value, in_the_file)
    assert (read["model_reasoning_effort"], read["model"]) == ("high", "m")


def test_what_is_not_chosen_is_left_to_codex() -> None:
    """Without a model, an effort or an address, codex's own defaults hold."""
    read = tomllib.loads(config_toml(Policies()))
    assert not {"model", "model_provider", "model_providers", "model_reasoning_effort"} & read.keys()
    assert read["projects"] == {"/work": {"trust_level": "trusted"}}


def test_half_a_character_is_refused() -> None:
    """TOML cannot carry a lone surrogate, and codex would refuse the whole file."""
    with pytest.raises(InvalidInput):
        config_toml(Policies(model="\ud800"))
