"""The client for the data directory that this command line means."""

from orchestrator.cli.invocation import current
from orchestrator.client import Client


def client(*, start: bool = True) -> Client:
    """`start` says whether a call may start the daemon."""
    return Client(home=current().home_path(), start=start)
