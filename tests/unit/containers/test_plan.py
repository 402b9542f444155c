"""What a container is made of, and the command line that says the same."""

from dataclasses import replace
from pathlib import PurePosixPath

import pytest

from orchestrator.containers import hardening
from orchestrator.containers.plan import plan_container
from orchestrator.core import places
from orchestrator.core.places import SessionFolder
from orchestrator.core.policies import Policies, Sandbox
from orchestrator.core.ports import ContainerPlan
from orchestrator.testing.examples import a_session

FOLDER = SessionFolder(PurePosixPath("/data/outputs/agents/reviewer/k3v9x2m8qd"))
SESSION = a_session("k3v9x2m8qd", "reviewer")


def planned(**changes: object) -> ContainerPlan:
    return plan_container(replace(SESSION, **changes), FOLDER)  # type: ignore[arg-type]  # fields by name


def test_only_the_sessions_own_folders_are_mounted() -> None:
    """Never the session folder as a whole: its transcript is not the agent's."""
    assert {mount.source: mount.target for mount in planned().mounts} == {
        f"{FOLDER.root}/private": places.PRIVATE,
        f"{FOLDER.root}/log.txt": places.PANE_LOG,
        f"{FOLDER.root}/codex-home": places.CODEX_HOME,
        SESSION.workspace: places.WORK,
    }


def test_secrets_are_mounted_read_only_where_there_are_any() -> None:
    """Their names are in the labels, what is in them nowhere."""
    mounts = {mount.target: mount for mount in planned(secrets=("token",)).mounts}
    assert mounts[places.SECRETS].read_only
    assert [mount.target for mount in mounts.values() if mount.read_only] == [places.SECRETS]


@pytest.mark.parametrize("sandbox", Sandbox)
def test_codexs_own_sandbox_gets_the_user_namespaces_that_it_needs(sandbox: Sandbox) -> None:
    """And where it is off, the engine's stricter profile stays."""
    plan = planned(policies=Policies(sandbox=sandbox))
    assert plan.user_namespaces is (sandbox is not Sandbox.FULL_ACCESS)


def test_the_command_line_shows_what_is_asked_of_the_engine() -> None:
    """Each wall that the engine is asked for stands in the dry run, too."""
    plan = planned(policies=Policies(sandbox=Sandbox.READ_ONLY), secrets=("token",))
    line = " ".join(hardening.command_line(plan, "/profile.json"))
    config = hardening.host_config(plan, "{}", "1.41")
    assert config["ReadonlyRootfs"] is ("--read-only" in line)
    assert config["CapDrop"] == ["ALL"]
    assert [f"--cap-add={cap}" in line for cap in config["CapAdd"]] == [True] * 3
    assert config["SecurityOpt"] == ["no-new-privileges:true", "seccomp={}"]
    assert "--security-opt no-new-privileges:true --security-opt seccomp=/profile.json" in line
    assert f"--memory {config['Memory']} --memory-swap {config['MemorySwap']}" in line
    assert f"--pids-limit {config['PidsLimit']}" in line
    assert f"--network {config['NetworkMode']}" in line
    assert all(f"--tmpfs {path}:{options}" in line for path, options in config["Tmpfs"].items())
    assert all(f"source={m['Source']},target={m['Target']}" in line for m in config["Mounts"])
    assert line.endswith(f" {SESSION.image}")


def test_a_dry_run_quotes_for_the_shell() -> None:
    """What is shown can be pasted."""
    assert "'--label' " not in hardening.steps(planned(), "/p.json")[1]
    assert "'orchestrator.record={" in hardening.steps(planned(), "/p.json")[1]
