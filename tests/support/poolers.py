"""PgBouncer in transaction mode, before a database of tests."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import make_url

__all__ = ["pooled"]


@contextmanager
def pooled(url: str, *, size: int = 3) -> Iterator[str]:
    """URL of a database through PgBouncer, whose transactions share a few connections."""
    program = shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")
    if program is None:
        pytest.skip("no pgbouncer on this machine")
    to = make_url(url)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "users").write_text(f'"{to.username}" "{to.password or ""}"\n')
        Path(folder, "ini").write_text(
            f"[databases]\n* = host={to.host} port={to.port or 5432}\n[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = trust\n"
            f"auth_file = {folder}/users\npool_mode = transaction\n"
            f"default_pool_size = {size}\nmax_client_conn = 500\nunix_socket_dir =\n"
        )
        command = [program, f"{folder}/ini"]
        if os.getuid() == 0:  # it refuses to be root
            shutil.chown(folder, "nobody")
            command += ["-u", "nobody"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            until = time.monotonic() + 10
            while True:
                with socket.socket() as tried:
                    if tried.connect_ex(("127.0.0.1", port)) == 0:
                        break
                assert time.monotonic() < until, "PgBouncer does not start"
                time.sleep(0.05)
            yield to.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)
        finally:
            process.terminate()
            process.wait(10)
