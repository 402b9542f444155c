"""A plan as the engine's own words: arguments for docker-py, and the command line that does the same.

Both come from the constants here, so that `--dry-run` shows what is done. What each wall is for
stands in this folder's README.
"""

import shlex

from docker.types import HostConfig, LogConfig
from docker.types import Mount as DockerMount

from orchestrator.containers import labels, network
from orchestrator.core import places
from orchestrator.core.ports import ContainerPlan

#: Whatever the image says: the supervisor is root inside, with next to nothing of root's power.
SUPERVISOR_USER = "root"
#: Root inside may become the agent and end its processes; it may do nothing else that root can.
CAPABILITIES = ("SETUID", "SETGID", "KILL")
HOST_GATEWAY = {"host.docker.internal": "host-gateway"}
#: The files that are shared have one owner on both sides, also where the engine maps users.
USER_NAMESPACE = "host"
RESTART = "on-failure"
LOG_DRIVER = "json-file"
LOG_OPTIONS = {"max-size": "10m", "max-file": "2", "mode": "non-blocking"}


def scratch(agent_uid: int) -> dict[str, str]:
    """The writable places of a read-only root; they live in the container's own memory."""
    owned = f"uid={agent_uid},gid={agent_uid}"
    return {
        "/tmp": "rw,exec,nosuid,nodev,mode=1777",  # noqa: S108 - a place inside the container
        places.RUN: f"rw,noexec,nosuid,nodev,{owned},mode=755",
        places.AGENT_HOME: f"rw,exec,nosuid,nodev,{owned},mode=700",
        places.PRIVATE_DOOR: "rw,noexec,nosuid,nodev,uid=0,gid=0,mode=700",
    }


def host_config(plan: ContainerPlan, seccomp: str, api_version: str) -> HostConfig:
    """`seccomp` is the profile's JSON; it counts only where the plan needs user namespaces."""
    security = ["no-new-privileges:true"]
    if plan.user_namespaces:
        security.append(f"seccomp={seccomp}")
    return HostConfig(
        version=api_version,
        init=True,
        cap_drop=["ALL"],
        cap_add=list(CAPABILITIES),
        security_opt=security,
        read_only=True,
        tmpfs=scratch(plan.agent_uid),
        mounts=[DockerMount(m.target, m.source, type="bind", read_only=m.read_only) for m in plan.mounts],
        mem_limit=plan.memory,
        memswap_limit=plan.memory,
        nano_cpus=round(plan.cpus * 1e9),
        pids_limit=plan.pids,
        restart_policy={"Name": RESTART},
        log_config=LogConfig(type=LOG_DRIVER, config=LOG_OPTIONS),
        extra_hosts=HOST_GATEWAY,
        network_mode=plan.network,
        userns_mode=USER_NAMESPACE,
    )


def command_line(plan: ContainerPlan, seccomp_file: str) -> list[str]:
    """The `docker create` that makes the same container."""
    argv = ["docker", "create", "--name", plan.name, "--user", SUPERVISOR_USER, "--init"]
    argv += ["--read-only", "--cap-drop", "ALL", *(f"--cap-add={c}" for c in CAPABILITIES)]
    argv += ["--security-opt", "no-new-privileges:true"]
    if plan.user_namespaces:
        argv += ["--security-opt", f"seccomp={seccomp_file}"]
    argv += ["--memory", str(plan.memory), "--memory-swap", str(plan.memory)]
    argv += ["--cpus", f"{plan.cpus:g}", "--pids-limit", str(plan.pids)]
    for path, options in scratch(plan.agent_uid).items():
        argv += ["--tmpfs", f"{path}:{options}"]
    for mount in plan.mounts:
        read_only = ",readonly" if mount.read_only else ""
        argv += ["--mount", f"type=bind,source={mount.source},target={mount.target}{read_only}"]
    argv += ["--network", plan.network, *(f"--add-host={n}:{a}" for n, a in HOST_GATEWAY.items())]
    argv += ["--userns", USER_NAMESPACE, "--restart", RESTART, "--log-driver", LOG_DRIVER]
    argv += [f"--log-opt={key}={value}" for key, value in LOG_OPTIONS.items()]
    for key, value in plan.labels.items():
        argv += ["--label", f"{key}={value}"]
    return [*argv, plan.image]


def steps(plan: ContainerPlan, seccomp_file: str) -> list[str]:
    """What a launch asks of the engine, one line a call, ready for a shell."""
    return [
        network.command_line(plan.labels[labels.PROJECT]),
        shlex.join(command_line(plan, seccomp_file)),
        shlex.join(["docker", "start", plan.name]),
    ]
