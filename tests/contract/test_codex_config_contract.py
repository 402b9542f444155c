"""The configuration that we write, read by codex itself, which is told to refuse what it does not know."""

import subprocess
from pathlib import Path

import pytest

from orchestrator.codex.config import config_toml
from orchestrator.core.policies import Approval, Policies, Reasoning, Sandbox

codex_cli_bin = pytest.importorskip(
    "codex_cli_bin", reason="the contract group of dependencies is not installed"
)
BINARY = str(Path(codex_cli_bin.__file__).parent / "bin" / "codex")


def loaded(home: Path) -> subprocess.CompletedProcess[str]:
    """An app-server that reads its configuration, finds the end of its stdin, and leaves."""
    return subprocess.run(
        [BINARY, "--strict-config", "app-server", "--listen", "stdio://"],
        env={"CODEX_HOME": str(home), "HOME": str(home), "PATH": "/usr/bin:/bin"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


HOSTILE = 'a "quote", a \\ and a\nnew line, [table]\nzork = 1\n\x00 \x7f ä 🦀'


@pytest.mark.parametrize(
    "text",
    [
        config_toml(Policies()),
        *(config_toml(Policies(sandbox=sandbox)) for sandbox in Sandbox),
        *(config_toml(Policies(approval=approval)) for approval in Approval),
        *(config_toml(Policies(reasoning=reasoning), base_url="http://m/v1") for reasoning in Reasoning),
        config_toml(
            Policies(model="gpt-6.1-sol", developer_instructions=HOSTILE),
            base_url="http://host.docker.internal:1/v1?a='b'",
            key_file="/run/secrets/key",
        ),
    ],
)
def test_codex_accepts_every_configuration(tmp_path: Path, text: str) -> None:
    """No field is unknown to codex and no value is refused, whatever the policies."""
    (tmp_path / "config.toml").write_text(text, "utf-8")
    done = loaded(tmp_path)
    assert done.returncode == 0, done.stderr


def test_codex_does_refuse_a_field_that_it_does_not_know(tmp_path: Path) -> None:
    """The check above can fail: one foreign field is enough."""
    (tmp_path / "config.toml").write_text(config_toml(Policies()) + "zork = 1\n", "utf-8")
    assert loaded(tmp_path).returncode != 0
