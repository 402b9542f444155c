"""The command that shows a person the real screen of a session."""

from orchestrator.core.places import AGENT_USER, TMUX_SOCKET
from orchestrator.core.session import Session


def attach_command(session: Session, engine_host: str, *, read_only: bool) -> list[str]:
    """For a terminal of one's own; detaching (C-b d) leaves everything as it is."""
    inside = ["tmux", "-N", "-S", TMUX_SOCKET, "attach-session", "-t", f"={session.session_id}"]
    if read_only:
        inside.append("-r")
    docker = ["docker", "-H", engine_host] if engine_host else ["docker"]
    return [*docker, "exec", "-it", "-u", AGENT_USER, session.container_name, *inside]
