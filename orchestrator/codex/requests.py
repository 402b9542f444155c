"""The parameters of the requests that we send to the app-server. Pure, and only the standard library.

It owns their field names. Sending them, and reading the answers, is the connection's affair.
"""

from typing import Any

Params = dict[str, Any]


def text_input(text: str) -> list[Params]:
    """A message of plain text, in the form in which a turn takes it."""
    return [{"type": "text", "text": text, "text_elements": []}]


def turn_start(thread_id: str, text: str, message_id: str) -> Params:
    """`message_id` comes back as the user message's `clientId`. Codex does not deduplicate by it."""
    return {"threadId": thread_id, "input": text_input(text), "clientUserMessageId": message_id}


def turn_steer(thread_id: str, turn_id: str, text: str, message_id: str) -> Params:
    """Into that turn; refused where another one runs, or none."""
    return {**turn_start(thread_id, text, message_id), "expectedTurnId": turn_id}


def turn_interrupt(thread_id: str, turn_id: str) -> Params:
    """Where no turn runs, codex answers nothing at all: look first, and use a limit."""
    return {"threadId": thread_id, "turnId": turn_id}


def thread_read(thread_id: str) -> Params:
    return {"threadId": thread_id, "includeTurns": False}


def turns_list(thread_id: str, *, limit: int, items: str = "notLoaded", cursor: str = "") -> Params:
    """The newest turns first; `items` is `notLoaded`, `summary` or `full`."""
    params: Params = {"threadId": thread_id, "limit": limit, "sortDirection": "desc", "itemsView": items}
    return {**params, "cursor": cursor} if cursor else params


def thread_start(
    *, cwd: str, sandbox: str, approval: str, model: str = "", developer_instructions: str = ""
) -> Params:
    """Everything that is not given is left to `config.toml`."""
    optional = {"model": model, "developerInstructions": developer_instructions}
    chosen = {key: value for key, value in optional.items() if value}
    return {"cwd": cwd, "sandbox": sandbox, "approvalPolicy": approval, **chosen}


def thread_resume(thread_id: str, *, cwd: str, sandbox: str, approval: str, model: str = "") -> Params:
    """Both policies are passed again: a thread that is resumed without them may come back with others."""
    params = thread_start(cwd=cwd, sandbox=sandbox, approval=approval, model=model)
    return {"threadId": thread_id, "excludeTurns": True, **params}


def thread_name(thread_id: str, name: str) -> Params:
    """A thread with neither a message nor a name cannot be resumed."""
    return {"threadId": thread_id, "name": name}


def clean_terminals(thread_id: str) -> Params:
    return {"threadId": thread_id}
