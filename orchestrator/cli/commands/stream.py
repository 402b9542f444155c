"""`orchestrator stream`: a session's history, readable or for programs, up to now or as it goes on."""

import itertools
import json
import sys
from collections.abc import Iterable
from typing import Any

import click

from orchestrator.cli.connect import client
from orchestrator.cli.invocation import Verb, current
from orchestrator.cli.kinds import Number
from orchestrator.cli.names import session_argument
from orchestrator.cli.output import print_json, style
from orchestrator.cli.transcript import render
from orchestrator.client import stream_logs


@click.command(cls=Verb, params=[session_argument()])
@click.option("-f", "--follow", is_flag=True, help="Go on until the session stops.")
@click.option("--since-seq", type=Number(min=0), default=0, metavar="N", help="Only what came after N.")
@click.option("--limit", type=Number(1, 5000), metavar="N", help="At most N events (--json: 500).")
@click.option("--ndjson", is_flag=True, help="One envelope a line, whole.")
@click.option("--raw", is_flag=True, help="The bytes of the terminal, as they were drawn.")
def stream(session: str, *, follow: bool, since_seq: int, limit: int | None, ndjson: bool, raw: bool) -> None:
    """Print what a session said and did."""
    here = current()
    if sum((here.json, ndjson, raw)) > 1 or (here.json and follow):
        raise click.UsageError("--json, --ndjson and --raw exclude each other; with -f use --ndjson")
    daemon = client()
    if raw:
        _write_raw(daemon.log(session, follow=follow))
    elif here.json:
        print_json(daemon.events(session, since_seq=since_seq, limit=limit or 500))
    else:
        views = stream_logs(session, follow=follow, since_seq=since_seq, client=daemon)
        texts = map(_line, views) if ndjson else filter(None, map(_readable, views))
        for text in itertools.islice(texts, limit):
            click.echo(text)


def _write_raw(blocks: Iterable[bytes]) -> None:
    for block in blocks:
        sys.stdout.buffer.write(block)
        sys.stdout.buffer.flush()


def _line(view: Any) -> str:
    return json.dumps(view, ensure_ascii=False, separators=(",", ":"))


def _readable(view: Any) -> str:
    return render(view, style, everything=current().verbosity > 0)
