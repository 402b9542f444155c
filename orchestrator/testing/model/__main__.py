"""`python3 -m orchestrator.testing.model`: the scripted model as a program of its own."""

import argparse
import sys
from pathlib import Path

from orchestrator.testing.model.actions import ScenarioInvalid
from orchestrator.testing.model.server import serve


def main() -> int:
    """Serve until told to stop; 2 where the scenario or the address is of no use."""
    parser = argparse.ArgumentParser(prog="python3 -m orchestrator.testing.model", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--scenario", type=Path, help="a JSON file; read again when it changes")
    parser.add_argument("--log", type=Path, help="one JSON line for each request")
    parser.add_argument("--port-file", type=Path, help="where the port is written to once it is taken")
    given = parser.parse_args()
    try:
        serve(
            host=given.host,
            port=given.port,
            scenario=given.scenario,
            log=given.log,
            port_file=given.port_file,
            ready=lambda url: print(url, flush=True),  # noqa: T201 - a program's own output
        )
    except (ScenarioInvalid, OSError) as exc:
        sys.stderr.write(f"{exc}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
