"""Token counts, and how full the context is: computed as codex's own footer does."""

from collections.abc import Mapping
from typing import Any

from orchestrator.codex.payload import Payload, mapping, whole

#: What codex takes for its own instructions; its footer does not count it as used.
BASELINE = 12_000

_COUNTS = {
    "input": "inputTokens",
    "cached": "cachedInputTokens",
    "output": "outputTokens",
    "reasoning": "reasoningOutputTokens",
    "total": "totalTokens",
}


def used_percent(last_total: int, window: int | None) -> int | None:
    """How much of the context is used, between 0 and 100; None where codex does not know its size."""
    if window is None:
        return None
    room = window - BASELINE
    if room <= 0:
        return 100
    left = 100 * (room - max(last_total - BASELINE, 0)) / room
    return 100 - int(min(max(left, 0), 100) + 0.5)


def counts(payload: Payload) -> dict[str, int]:
    return {name: whole(payload, key) or 0 for name, key in _COUNTS.items()}


def usage(payload: Payload) -> dict[str, Any]:
    """`tokens`: the thread's sum with the state of its context. `last`: the last response alone."""
    window = whole(payload, "modelContextWindow")
    last = counts(mapping(payload.get("last")))
    context = {"context_window": window, "context_used_pct": used_percent(last["total"], window)}
    return {"tokens": {**counts(mapping(payload.get("total"))), **context}, "last": last}


def spent(first: Mapping[str, Any], final: Mapping[str, Any]) -> dict[str, Any]:
    """What one turn used, from its first and its last usage; the context as of the end."""
    begun, ended, one = first["tokens"], final["tokens"], first["last"]
    since = {name: max(ended[name] - begun[name] + one[name], 0) for name in _COUNTS}
    # After a compaction codex's own total is the size of the context, not a sum.
    since["total"] = since["input"] + since["output"]
    return {**since, **{key: ended[key] for key in ("context_window", "context_used_pct")}}
