"""`orchestrator init`: the settings file to begin with, and what keeps the data directory out of git."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

import click

from orchestrator.cli.invocation import Verb, current
from orchestrator.cli.output import answer, answer_or_plan
from orchestrator.core.errors import AlreadyThere, InvalidInput, SettingsInvalid
from orchestrator.daemon.home import SETTINGS_FILE, find_settings_file, resolve_home

#: What is kept out of git, with the other ways in which a .gitignore may say so.
IGNORED = {
    f"/{name}/": {f"{a}{name}{z}" for a in ("", "/") for z in ("", "/", "/*")}
    for name in ("registry", "outputs")
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What is to be written where; `ignored` are the lines that .gitignore lacks."""

    path: Path
    text: str
    roles: tuple[str, ...]
    gitignore: Path
    ignored: tuple[str, ...]


@click.command(cls=Verb)
@click.argument("directory", metavar="[DIR]", required=False, type=click.Path())
@click.option("--force", is_flag=True, help="Replace a settings file that is there.")
@click.option("--dry-run", is_flag=True, help="Show what would be written.")
def init(directory: str | None, *, force: bool, dry_run: bool) -> None:
    """Write orchestrator.toml with two roles to begin with.

    Into DIR; without it into the git repository around the current directory, or into that directory itself.
    The lines that keep registry/ and outputs/ out of git are added to .gitignore.
    """
    start = _start(directory)
    if not force and os.path.lexists(start.path):
        raise _there(start.path)
    if dry_run:
        answer_or_plan({"plan": [{"who": "files", "what": what} for what in _planned(start)]}, lambda _: None)
        return
    _write(start, force=force)
    following = _next(start.path.parent)
    answer(
        {
            "path": str(start.path),
            "roles": list(start.roles),
            "gitignore": {"path": str(start.gitignore), "added": list(start.ignored)},
            "next": following,
        },
        lambda: _show(start, following),
    )
    _tell_of_another_home(start.path)


def _start(directory: str | None) -> Start:
    from orchestrator.daemon.starter import ROLES, settings_text  # noqa: PLC0415 - pydantic is slow to import

    given = Path(directory or ".").expanduser().resolve()
    if not given.is_dir():
        raise InvalidInput(f"{given} is no directory", hint="make it first, or name another one")
    top = next((place for place in (given, *given.parents) if (place / ".git").exists()), None)
    place = top if top and directory is None else given
    gitignore = place / ".gitignore"
    return Start(
        path=place / SETTINGS_FILE,
        text=settings_text(os.path.relpath(top, place) if top else None),
        roles=tuple(ROLES),
        gitignore=gitignore,
        ignored=tuple(line for line, ways in IGNORED.items() if not ways & set(_lines(gitignore))),
    )


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_bytes().decode(errors="replace").splitlines()]
    except FileNotFoundError:
        return []
    except OSError as exc:
        raise InvalidInput(f"{path} cannot be read: {exc.strerror}") from exc


def _planned(start: Start) -> list[str]:
    ignored = [f"append to {start.gitignore}:\n" + "\n".join(start.ignored)] if start.ignored else []
    return [f"write {start.path}:\n{start.text}", *ignored]


def _there(path: Path) -> AlreadyThere:
    return AlreadyThere(f"{path} is there already", hint="`--force` replaces it; `--dry-run` shows with what")


def _write(start: Start, *, force: bool) -> None:
    from orchestrator.store import atomic  # noqa: PLC0415 - only this verb writes

    data = start.text.encode()
    with atomic.writing(start.path):
        if force:
            atomic.replace(start.path.resolve(), data, mode=_mode(start.path))
        else:
            _create(start.path, data)
    if start.ignored:
        with atomic.writing(start.gitignore), start.gitignore.open("a+b") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 1))
            ended = file.read() in {b"", b"\n"}
            file.write("".join(["" if ended else "\n", *(f"{line}\n" for line in start.ignored)]).encode())


def _mode(path: Path) -> int:
    """As it was, where there is a file."""
    return stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o644


def _create(path: Path, data: bytes) -> None:
    """A file that appeared meanwhile is not touched."""
    try:
        file = path.open("xb")
    except FileExistsError as exc:
        raise _there(path) from exc
    try:
        with file:
            file.write(data)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _show(start: Start, following: list[str]) -> None:
    click.echo(f"{start.path} written, with the roles {' and '.join(start.roles)}")
    if start.ignored:
        click.echo(f"{start.gitignore}: added {' and '.join(start.ignored)}")
    current().note("next:\n" + "\n".join(f"    {line}" for line in following))


def _next(place: Path) -> list[str]:
    here = Path.cwd()
    there = [] if here == place or place in here.parents else [f"cd {place}"]
    return [*there, "orchestrator doctor", *_launching(place), 'orchestrator send implementer "…"']


def _launching(place: Path) -> list[str]:
    if _has_model(resolve_home(current().home, os.environ, place)):
        return ["orchestrator launch --all"]
    return [
        "codex login                  # there is no login yet; or, no key needed: orchestrator model up",
        "orchestrator launch --all    # after `model up`: with the --base-url that it printed",
    ]


def _has_model(home: Path) -> bool:
    """Whether a launch finds an endpoint or codex's login; of settings that cannot be read `doctor` tells."""
    from orchestrator.daemon.login import codex_login  # noqa: PLC0415 - pydantic is slow to import
    from orchestrator.daemon.settings import load_settings  # noqa: PLC0415 - as above

    try:
        model = load_settings(home).model
    except SettingsInvalid:
        return True
    return bool(model.base_url) or Path(codex_login(model.auth_file)).is_file()


def _tell_of_another_home(path: Path) -> None:
    home = resolve_home(current().home, os.environ, path.parent)
    if find_settings_file(home) != path:
        current().warn(
            f"the data directory is {home}, and {path} is not read for it; see `orchestrator config path`"
        )
