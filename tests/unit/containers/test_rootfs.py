"""The script that makes a base where no registry answers."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from orchestrator.containers import resources


def test_who_is_not_root_is_told_so_in_one_line(tmp_path: Path) -> None:
    """Nothing is begun, and the exit code is that of a machine that is not ready."""
    script = tmp_path / "rootfs.sh"
    shutil.copy(resources.images() / "base" / "rootfs.sh", script)
    for path in (tmp_path, *tmp_path.parents):
        if path.is_relative_to(tempfile.gettempdir()) and path.stat().st_mode & 0o7777 == 0o700:
            path.chmod(0o755)
    somebody = None if os.getuid() else 65534
    done = subprocess.run(
        ["bash", str(script), str(tmp_path / "out.tar")],
        user=somebody,
        extra_groups=[] if somebody else None,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 6
    assert done.stderr.count("\n") == 1
    assert "root" in done.stderr
    assert not (tmp_path / "out.tar").exists()
