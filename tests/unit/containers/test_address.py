"""Where the engine listens, and which addresses cannot carry a session."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from orchestrator.containers.address import Address, find, given
from orchestrator.core.errors import EngineUnfit, EngineUnreachable

OWN = "unix:///home/ana/.docker/desktop/docker.sock"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A folder that holds the docker command's contexts, made by that command."""
    folder = tmp_path / "docker"
    for name, host in [("desktop", OWN), ("far", "ssh://ana@far")]:
        argv = ["docker", "--config", str(folder), "context", "create", name, "--docker", f"host={host}"]
        subprocess.run(argv, check=True, capture_output=True, timeout=30)
    return folder


def use(config: Path, name: str) -> None:
    argv = ["docker", "--config", str(config), "context", "use", name]
    subprocess.run(argv, check=True, capture_output=True, timeout=30)


def test_without_a_word_it_is_the_systems_own_or_the_rootless_one(tmp_path: Path) -> None:
    """The rootless one where that is all there is."""
    rootless, system = tmp_path / "docker.sock", tmp_path / "system.sock"
    environ = {"XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)}
    assert find(environ, system) == Address(f"unix://{system}")
    rootless.touch()
    assert find(environ, system) == Address(f"unix://{rootless}")
    system.touch()
    assert find(environ, system) == Address(f"unix://{system}")


def test_docker_host_goes_before_everything(tmp_path: Path) -> None:
    """As for the docker command."""
    environ = {"DOCKER_HOST": "tcp://near:1", "DOCKER_CONFIG": str(tmp_path), "DOCKER_CONTEXT": "desktop"}
    assert find(environ) == Address("tcp://near:1", "DOCKER_HOST")
    assert str(find(environ)) == "tcp://near:1 (DOCKER_HOST)"


@pytest.mark.skipif(shutil.which("docker") is None, reason="the docker command is missing")
def test_the_context_in_use_says_where_the_engine_is(config: Path, tmp_path: Path) -> None:
    """The one that was chosen for good, or for this shell; the default one is the system's socket."""
    system = tmp_path / "system.sock"
    environ = {"DOCKER_CONFIG": str(config)}
    assert find(environ, system).url == f"unix://{system}"
    assert find({**environ, "DOCKER_CONTEXT": "desktop"}) == Address(OWN, "docker context desktop")
    use(config, "desktop")
    assert find(environ) == Address(OWN, "docker context desktop")
    assert find({**environ, "DOCKER_CONTEXT": "default"}, system).url == f"unix://{system}"
    config.rename(tmp_path / ".docker")
    assert find({"HOME": str(tmp_path)}).url == OWN


@pytest.mark.skipif(shutil.which("docker") is None, reason="the docker command is missing")
def test_a_context_on_another_machine_carries_no_session(config: Path) -> None:
    """It is said which address it names."""
    use(config, "far")
    found = find({"DOCKER_CONFIG": str(config)})
    assert isinstance(found.fault, EngineUnfit)
    assert "ssh://ana@far (docker context far)" in found.fault.message


def test_a_context_that_is_not_there_is_named(tmp_path: Path) -> None:
    """And no other engine is taken in its place."""
    found = find({"DOCKER_CONFIG": str(tmp_path), "DOCKER_CONTEXT": "gone"})
    assert isinstance(found.fault, EngineUnreachable)
    assert (found.fault.message, found.url) == ("the docker context gone names no engine", "")


@pytest.mark.parametrize("broken", ["", "[]", "{", '{"currentContext": 7}', '{"currentContext": ""}'])
def test_a_configuration_of_dockers_that_chooses_nothing_is_passed_over(tmp_path: Path, broken: str) -> None:
    """It holds other things as well, and may be anything."""
    (tmp_path / "config.json").write_text(broken)
    assert find({"DOCKER_CONFIG": str(tmp_path)}, tmp_path / "sock") == Address(f"unix://{tmp_path}/sock")


def test_a_context_whose_file_is_damaged_is_named(tmp_path: Path) -> None:
    """It is not the same as no context."""
    (tmp_path / "config.json").write_text(json.dumps({"currentContext": "torn"}))
    assert isinstance(find({"DOCKER_CONFIG": str(tmp_path)}).fault, EngineUnreachable)


@pytest.mark.parametrize(
    ("url", "variables", "fits"),
    [
        ("unix:///run/docker.sock", {}, True),
        ("unix:///run/docker.sock", {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/certs"}, True),
        ("tcp://127.0.0.1:2375", {}, True),
        ("tcp://127.0.0.1:2375", {"DOCKER_TLS_VERIFY": ""}, True),
        ("tcp://far:2376", {"DOCKER_TLS_VERIFY": "1"}, False),
        ("tcp://far:2376", {"DOCKER_CERT_PATH": "/certs"}, False),
        ("https://far:2376", {}, False),
        ("ssh://ana@far", {}, False),
        ("127.0.0.1:2375", {}, False),
    ],
)
def test_only_a_plain_socket_carries_sessions(url: str, variables: dict[str, str], *, fits: bool) -> None:
    """The programs that are held inside go over it."""
    assert (given(url, variables, "DOCKER_HOST").fault is None) is fits
