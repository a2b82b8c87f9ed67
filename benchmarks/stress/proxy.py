"""A TCP proxy before a database, which can stop forwarding or lead elsewhere."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self

__all__ = ["Proxy"]


class Proxy:
    """A TCP proxy on 127.0.0.1.

    Args:
        host: to forward to.
        port: of that host.

    Attributes:
        port: where it listens.
    """

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._forwards = threading.Event()
        self._forwards.set()
        self._all = [self._forwards]
        threading.Thread(target=self._accept, daemon=True).start()

    def silence(self) -> None:
        """Take what comes, and forward nothing of it."""
        self._forwards.clear()

    def resume(self) -> None:
        """Forward again, and what came meanwhile."""
        self._forwards.set()

    def switch(self, port: int) -> None:
        """Lead new connections to another port; those that are silent stay so."""
        self._to = (self._to[0], port)
        self._forwards = threading.Event()
        self._forwards.set()
        self._all.append(self._forwards)

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                one, _ = self._listening.accept()
                try:
                    other = socket.create_connection(self._to, timeout=5)
                except OSError:
                    one.close()
                    continue
                other.settimeout(None)
                for ends in ((one, other), (other, one)):
                    pump = (*ends, self._forwards)
                    threading.Thread(target=self._pump, args=pump, daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, forwards: threading.Event) -> None:
        with suppress(OSError):
            while content := source.recv(65_536):
                forwards.wait()
                sink.sendall(content)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        source.close()  # the other pump closes the sink, which is its source

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()
        for forwards in self._all:
            forwards.set()
