"""A session as a registry file has it: where the bytes come in and go out, schema version 1."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, FiniteFloat, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from orchestrator.core.errors import InvalidInput, RecordCorrupt
from orchestrator.core.identity import check_role, is_session_id
from orchestrator.core.policies import Approval, Limits, Policies, Reasoning, Sandbox
from orchestrator.core.session import Desired, Session

SCHEMA = 1


class LimitsRecord(BaseModel):
    """What the container may use; memory in bytes."""

    model_config = ConfigDict(extra="forbid")
    memory: int
    cpus: FiniteFloat
    pids: int


class PoliciesRecord(BaseModel):
    """What the session runs with."""

    model_config = ConfigDict(extra="forbid")
    model: str
    reasoning: Reasoning | None
    sandbox: Sandbox
    approval: Approval
    developer_instructions: str
    limits: LimitsRecord


class SessionRecord(BaseModel):
    """The fields of `core.session.Session`, with the version of this form."""

    model_config = ConfigDict(extra="forbid")
    # `schema` is a method of every pydantic model; the file's name for it is `schema` all the same.
    schema_: Literal[1] = 1
    session_id: str
    role: str
    project_id: str
    created_at: str
    desired: Desired
    container_name: str
    container_id: str
    image: str
    agent_uid: int
    workspace: str
    branch: str
    parent: str
    thread_id: str
    policies: PoliciesRecord
    secrets: tuple[str, ...]
    base_url: str


_JSON = TypeAdapter(dict[str, object])


def encode(session: Session) -> bytes:
    """The file of a session.

    Raises:
        InvalidInput: a value of it cannot stand in JSON.
    """
    try:
        record = SessionRecord.model_validate(session, from_attributes=True)
        value = {"schema": SCHEMA, **record.model_dump(mode="json", exclude={"schema_"})}
        return _JSON.dump_json(value, indent=2) + b"\n"
    except ValidationError as exc:
        raise InvalidInput(f"the record of {session.session_id} is impossible: {_first(exc)}") from exc
    except PydanticSerializationError as exc:
        raise InvalidInput(f"the record of {session.session_id} is no text: {exc}") from exc


def decode(data: bytes) -> Session:
    """The session in a file.

    Raises:
        RecordCorrupt: not JSON, of another version, or a field is missing, unknown or wrong.
    """
    try:
        value = _JSON.validate_json(data)
    except ValidationError as exc:
        raise RecordCorrupt("it is not a JSON object") from exc
    version = value.pop("schema", None)
    if version != SCHEMA:
        raise RecordCorrupt(f"its schema version is {version!r}; this program knows {SCHEMA}")
    try:
        record = SessionRecord.model_validate(value)
    except ValidationError as exc:
        raise RecordCorrupt(_first(exc)) from exc
    if not is_session_id(record.session_id):
        raise RecordCorrupt(f"session_id: {record.session_id!r} is no session id")
    try:
        check_role(record.role)  # it names a folder
    except InvalidInput as exc:
        raise RecordCorrupt(f"role: {exc.message}") from exc
    fields = {name: getattr(record, name) for name in SessionRecord.model_fields if name != "schema_"}
    return Session(**{**fields, "policies": _policies(record.policies)})


def _first(exc: ValidationError) -> str:
    """The first fault, without the value: a record may be shown, a value may be long."""
    fault = exc.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"


def _policies(record: PoliciesRecord) -> Policies:
    limits = Limits(memory=record.limits.memory, cpus=record.limits.cpus, pids=record.limits.pids)
    return Policies(
        model=record.model,
        reasoning=record.reasoning,
        sandbox=record.sandbox,
        approval=record.approval,
        developer_instructions=record.developer_instructions,
        limits=limits,
    )
