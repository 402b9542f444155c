"""One step of what would be done: what `--dry-run` prints in place of doing it."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """`who` acts (engine, tmux, codex, files); `what` is the command line or the sentence of it."""

    who: str
    what: str


def as_plan(steps: list[Step]) -> dict[str, list[dict[str, str]]]:
    return {"plan": [asdict(step) for step in steps]}
