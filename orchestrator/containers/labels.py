"""A session written on its container and read back: enough to rebuild the registry from the engine alone.

What changes after the container was made (desired state, thread, branch) is not in the labels: the
registry and the session folder know it.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from orchestrator.core.errors import RecordCorrupt
from orchestrator.core.policies import Approval, Limits, Policies, Reasoning, Sandbox
from orchestrator.core.ports import Container
from orchestrator.core.session import Desired, Session

PROJECT = "orchestrator.project"
SESSION = "orchestrator.session"
ROLE = "orchestrator.role"
RECORD = "orchestrator.record"

SCHEMA = 1


def labels(session: Session) -> dict[str, str]:
    record = {"schema": SCHEMA, **asdict(session)}
    return {
        PROJECT: session.project_id,
        SESSION: session.session_id,
        ROLE: session.role,
        RECORD: json.dumps(record, ensure_ascii=False, separators=(",", ":")),
    }


def session_from(labelled: Mapping[str, str]) -> Session:
    """The inverse of `labels`.

    Raises:
        RecordCorrupt: the record is missing, of another schema, or not whole.
    """
    try:
        record = json.loads(labelled[RECORD])
        if record.pop("schema") != SCHEMA:
            raise RecordCorrupt("the container's labels are of another version of orchestrator")
        return Session(
            **{
                **record,
                "desired": Desired(record["desired"]),
                "secrets": tuple(record["secrets"]),
                "policies": _policies(record["policies"]),
            }
        )
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        if isinstance(exc, RecordCorrupt):
            raise
        raise RecordCorrupt(f"the container's labels cannot be read: {exc!r}") from exc


def found(container: Container) -> Session:
    """The session of a container that the registry does not know."""
    return replace(session_from(container.labels), container_id=container.container_id)


def _policies(value: Mapping[str, Any]) -> Policies:
    return Policies(
        **{
            **value,
            "reasoning": Reasoning(value["reasoning"]) if value["reasoning"] else None,
            "sandbox": Sandbox(value["sandbox"]),
            "approval": Approval(value["approval"]),
            "limits": Limits(**value["limits"]),
        }
    )
