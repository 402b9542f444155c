"""The names of the events that a session's history is made of."""

from enum import StrEnum


class Event(StrEnum):
    """An envelope's `type`. The guide documents each one; `codex` carries what has no name here."""

    # The session itself; the daemon's word.
    SESSION_LAUNCHED = "session_launched"
    SESSION_STOPPING = "session_stopping"
    SESSION_STOPPED = "session_stopped"
    SESSION_RESUMED = "session_resumed"
    # A message on its way in; the daemon's word.
    MESSAGE_QUEUED = "message_queued"
    MESSAGE_WRITTEN = "message_written"
    MESSAGE_ACCEPTED = "message_accepted"
    MESSAGE_COMMITTED = "message_committed"
    MESSAGE_FAILED = "message_failed"
    MESSAGE_UNKNOWN = "message_unknown"
    # Codex's word, from the recorder's log.
    THREAD_STARTED = "thread_started"
    THREAD_STATUS = "thread_status"
    TURN_STARTED = "turn_started"
    TURN_COMPLETED = "turn_completed"
    USER_MESSAGE = "user_message"
    AGENT_MESSAGE = "agent_message"
    REASONING = "reasoning"
    COMMAND_STARTED = "command_started"
    COMMAND_OUTPUT = "command_output"
    COMMAND_COMPLETED = "command_completed"
    FILE_CHANGE_STARTED = "file_change_started"
    FILE_CHANGE_COMPLETED = "file_change_completed"
    TOOL_STARTED = "tool_started"
    TOOL_COMPLETED = "tool_completed"
    ITEM_STARTED = "item_started"
    ITEM_COMPLETED = "item_completed"
    TURN_DIFF = "turn_diff"
    TOKEN_USAGE = "token_usage"  # noqa: S105 - a count, not a secret
    APPROVAL_REQUESTED = "approval_requested"
    APPROVAL_RESOLVED = "approval_resolved"
    INPUT_REQUESTED = "input_requested"
    ERROR = "error"
    WARNING = "warning"
    CODEX = "codex"
    # The supervisor's and recorder's word, from the same log.
    SUPERVISOR = "supervisor"
    GAP = "gap"
    TAMPERED = "tampered"
