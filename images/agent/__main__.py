# ruff: noqa: INP001 - the folder is not a package: this one file goes into the image
"""What `python3 -I /opt/orchestrator` runs inside the container.

OpenSSL is kept out of the process before asyncio and hashlib can ask for it: nothing here needs it, and it
would be a third of the memory.
"""

import sys

sys.modules["ssl"] = sys.modules["_hashlib"] = None  # type: ignore[assignment]  # "not installed", in Python's own words

from orchestrator.supervisor.boot import main  # noqa: E402 - must come after the line above

sys.exit(main())
