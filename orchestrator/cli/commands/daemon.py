"""`orchestrator daemon`: the one process on the host that all other commands speak to."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click

from orchestrator.cli.connect import check_exists, client
from orchestrator.cli.invocation import Verbs, current
from orchestrator.cli.kinds import Number
from orchestrator.cli.output import answer, fields, tell
from orchestrator.cli.progress import starting
from orchestrator.client import systemd
from orchestrator.client.answers import DaemonAnswer
from orchestrator.client.autostart import ensure_daemon, listens
from orchestrator.client.stopping import stop_daemon
from orchestrator.core.errors import DaemonUnreachable
from orchestrator.daemon import home as places
from orchestrator.daemon.unit import Scope, Unit, UnitName

FOLLOW_SECONDS = 0.2
#: What stands in a plan for the id that the data directory will get.
UNKNOWN_PROJECT = "PROJECT"


@click.group(cls=Verbs)
def daemon() -> None:
    """Start, stop and look at the daemon.

    Commands start it by themselves when they need it.
    """


@daemon.command()
@click.option("--dry-run", is_flag=True, help="Show what would be done.")
def start(*, dry_run: bool) -> None:
    """Start the daemon, if none runs."""
    home = current().home_path()
    if dry_run:
        runs = listens(places.listening_at(home))
        _show_plan([] if runs else [("system", _starting(home))])
        return
    ensure_daemon(home, starting=starting)
    _print_status()


def _starting(home: Path) -> str:
    unit = systemd.installed(home)
    return " ".join(unit.name.systemctl("start")) if unit and unit.serves else f"start a daemon for {home}"


@daemon.command()
@click.option("--dry-run", is_flag=True, help="Show what would be done.")
def stop(*, dry_run: bool) -> None:
    """Stop the daemon. The sessions go on; the next command starts a daemon again.

    Systemd, where it runs the daemon, does not start it again before that or the next boot.
    """
    home = current().home_path()
    record = places.read_daemon_record(home)
    if dry_run:
        plan = [{"who": "files", "what": f"stop the daemon {record.pid}"}] if record else []
        answer({"plan": plan}, lambda: click.echo(plan[0]["what"] if plan else "no daemon runs"))
        return
    stopped = stop_daemon(home)
    document = {"stopped": stopped, "pid": record.pid if record and stopped else None}
    answer(document, lambda: tell(f"stopped{_later(home)}" if stopped else "no daemon ran"))


def _later(home: Path) -> str:
    unit = systemd.installed(home)
    if unit is None:
        return ""
    return "; systemd starts it at the next boot" + (", or for the next command" if unit.serves else "")


@daemon.command()
def status() -> None:
    """Show the daemon's process, data directory and engine."""
    _print_status()


@daemon.command()
@click.option("-f", "--follow", is_flag=True, help="Go on until Ctrl-C.")
@click.option(
    "--lines",
    type=Number(min=0),
    default=100,
    metavar="N",
    help="Begin with the last N lines (100).",
)
def logs(*, follow: bool, lines: int) -> None:
    """Print the daemon's log."""
    path = places.log_path(current().home_path())
    if not path.exists():
        raise DaemonUnreachable(f"no daemon has run for {current().home_path()}")
    if current().json:
        answer({"path": str(path), "lines": _last(path, lines)}, lambda: None)
        return
    for line in _last(path, lines):
        click.echo(line)
    for text in _growth(path) if follow else ():
        click.echo(text, nl=False)


@daemon.command()
@click.option("--system", is_flag=True, help="A unit of the system, not of this user.")
@click.option("--dry-run", is_flag=True, help="Show what would be done.")
def install(*, system: bool, dry_run: bool) -> None:
    """Have systemd start the daemon after each boot, and keep it alive.

    It resumes the sessions that should be running.
    """
    from orchestrator.client import installing  # noqa: PLC0415 - for this command alone

    home = current().home_path()
    check_exists(home)
    name = _unit_name(home, system=system, makes=not dry_run)
    unit = Unit(
        name=name,
        home=home,
        log=places.log_path(home),
        python=Path(sys.executable),
        environment=os.environ,
        user=installing.owner(home),
    )
    path = systemd.unit_path(name)
    if dry_run:
        calls = [("system", " ".join(call)) for call in installing.calls(unit)]
        _show_plan([("files", f"write {path}:\n{unit.text()}"), *calls])
        return
    installing.install(unit, path)
    document = {"unit": str(name), "path": str(path), "installed": True}
    answer(document, lambda: click.echo(f"{name} is installed and runs; `orchestrator daemon status`"))


@daemon.command()
@click.option("--system", is_flag=True, help="The unit of the system, not of this user.")
@click.option("--dry-run", is_flag=True, help="Show what would be done.")
def uninstall(*, system: bool, dry_run: bool) -> None:
    """Take the unit away again. The sessions go on."""
    from orchestrator.client import installing  # noqa: PLC0415 - for this command alone

    home = current().home_path()
    check_exists(home)
    name = _unit_name(home, system=system, makes=False)
    path = systemd.unit_path(name)
    if dry_run:
        first, *rest = [("system", " ".join(call)) for call in name.disable()]
        _show_plan([first, ("files", f"remove {path}"), *rest] if path.exists() else [])
        return
    removed = installing.uninstall(name, path)
    document = {"unit": str(name), "path": str(path), "installed": False}
    answer(document, lambda: click.echo(f"{name} is gone" if removed else _not_installed(home)))
    if removed and installing.lingers(name):
        current().note("lingering stays on; `loginctl disable-linger` ends it, if nothing else needs it")


def _not_installed(home: Path) -> str:
    other = systemd.installed(home)
    where = f"; the {other.name.scope}'s {other.name} is" if other else ""
    return f"it was not installed{where}"


@daemon.command(hidden=True)
@click.option("--systemd", "whose", type=click.Choice([scope.value for scope in Scope]))
def run(*, whose: str | None) -> int:
    """Be the daemon, in this process; `--systemd` says whose unit runs it."""
    from orchestrator.api.serve import run as serve  # noqa: PLC0415 - all the heavy imports are behind it

    return serve(current().home_path(), systemd=whose)


def _unit_name(home: Path, *, system: bool, makes: bool) -> UnitName:
    """`makes` gives the data directory its id, if it has none yet."""
    from orchestrator.client.installing import as_owner  # noqa: PLC0415 - for two commands alone
    from orchestrator.store.registry import JsonRegistry, known_project  # noqa: PLC0415 - as above

    places_there = places.places(home)
    project = known_project(Path(places_there.project_file))
    if not project and makes:
        with as_owner(home):
            project = JsonRegistry(places_there).project_id()
    return UnitName(scope=Scope.SYSTEM if system else Scope.USER, project_id=project or UNKNOWN_PROJECT)


def _show_plan(steps: list[tuple[str, str]]) -> None:
    plan = [{"who": who, "what": what} for who, what in steps]
    answer({"plan": plan}, lambda: click.echo("\n".join(what for _, what in steps) or "nothing to do"))


def _print_status() -> None:
    found = client(start=False).daemon()
    answer(found, lambda: _show(found))


def _show(found: DaemonAnswer) -> None:
    engine = found["engine"]
    verdict = engine["version"] if engine["ok"] else "does not answer"
    fields(
        [
            ("pid", str(found["pid"])),
            ("version", found["version"]),
            ("data", found["home"]),
            ("socket", found["socket"]),
            ("project", found["project_id"]),
            ("started", found["started_at"]),
            ("run by", _runner(found)),
            ("runtime", found["runtime"]),
            ("sessions", str(found["sessions"])),
            ("engine", f"{verdict} {engine['detail']}".strip()),
        ]
    )


def _runner(found: DaemonAnswer) -> str:
    unit = systemd.installed(Path(found["home"]))
    if whose := found.get("systemd"):  # one of an earlier version does not say
        return f"systemd, {unit.name if unit else 'a unit'} of the {whose}"
    if unit is None:
        return "a command"
    why = "does not run it" if unit.current else "is another installation's: `orchestrator daemon install`"
    return f"a command; {unit.name} of the {unit.name.scope} {why}"


def _last(path: Path, lines: int) -> list[str]:
    return path.read_text(errors="replace").splitlines()[-lines:] if lines else []


def _growth(path: Path) -> Iterator[str]:
    with path.open(errors="replace") as file:
        file.seek(0, os.SEEK_END)
        while True:
            if text := file.read():
                yield text
                sys.stdout.flush()
            else:
                time.sleep(FOLLOW_SECONDS)
