"""Run code in a fresh Python process."""

from __future__ import annotations

import os
import subprocess
import sys


def run(code, *arguments, **environment):
    """Run code in a new Python process and return what it prints."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
        env={**os.environ, **environment},
    ).stdout
