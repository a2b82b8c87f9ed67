"""A proxy before PostgreSQL that can stop forwarding, and goes on acknowledging."""

from __future__ import annotations

import select
import socket
import threading
from typing import Self

from sqlalchemy import make_url

__all__ = ["Proxy"]


class Proxy:
    """Forwards TCP connections to a database; a context manager that closes it.

    Attributes:
        url: of the database, through the proxy.
        forwards: while False, what is sent is taken and kept back.
    """

    def __init__(self, url: str) -> None:
        to = make_url(url)
        self._to = (to.host or "127.0.0.1", to.port or 5432)
        self._listening = socket.create_server(("127.0.0.1", 0))
        port = self._listening.getsockname()[1]
        self.url = to.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)
        self.forwards = True
        self._is_over = False
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        self._listening.close()

    def _accept(self) -> None:
        while not self._is_over:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._to) as server:
            other = {client: server, server: client}
            while not self._is_over:
                if not self.forwards:
                    threading.Event().wait(0.02)
                    continue
                for ready in select.select([client, server], [], [], 0.02)[0]:
                    try:
                        data = ready.recv(65536)
                        other[ready].sendall(data)
                    except OSError:
                        return
                    if not data:
                        return
