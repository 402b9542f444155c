"""What a session's container is made of, decided purely: nothing here asks the engine or the file system."""

from pathlib import PurePosixPath

from orchestrator.containers.labels import labels
from orchestrator.containers.network import network_name
from orchestrator.core import places
from orchestrator.core.places import SessionFolder
from orchestrator.core.policies import Sandbox
from orchestrator.core.ports import ContainerPlan, Mount
from orchestrator.core.session import Session


def plan_container(session: Session, folder: SessionFolder) -> ContainerPlan:
    """The plan of a session whose folder has been prepared; `folder` is a path on the engine's host."""
    limits = session.policies.limits
    return ContainerPlan(
        name=session.container_name,
        image=session.image,
        labels=labels(session),
        mounts=_mounts(session, folder),
        agent_uid=session.agent_uid,
        memory=limits.memory,
        cpus=limits.cpus,
        pids=limits.pids,
        network=network_name(session.project_id),
        user_namespaces=session.policies.sandbox is not Sandbox.FULL_ACCESS,
    )


def _mounts(session: Session, folder: SessionFolder) -> tuple[Mount, ...]:
    inside: list[tuple[PurePosixPath | str, str]] = [
        (folder.private, places.PRIVATE),
        (folder.pane_log, places.PANE_LOG),
        (folder.codex_home, places.CODEX_HOME),
        (session.workspace, places.WORK),
    ]
    mounts = [Mount(source=str(source), target=target) for source, target in inside]
    if set(session.secrets) - {places.CODEX_LOGIN}:
        mounts.append(Mount(source=str(folder.secrets), target=places.SECRETS, read_only=True))
    return tuple(mounts)
