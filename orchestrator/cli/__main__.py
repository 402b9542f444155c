"""`python -m orchestrator.cli`: how the daemon is started, whatever is on PATH."""

import sys

from orchestrator.cli.main import main

sys.exit(main())
