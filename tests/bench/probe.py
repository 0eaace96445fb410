"""Asks `/-/healthy` every 5 ms over one connection. A process.

Times count from when a question was due, not from when it could be sent: what one slow answer does to the questions after
it is not lost, and neither is what the probe itself is late by.
"""

import socket
import sys
import time

from tests.bench.control import obey, tell
from tests.bench.stall import Wait

EVERY = 0.005
REQUEST = b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Probe:
    """A connection to a server."""

    def __init__(self, port: int) -> None:
        self._connection = socket.create_connection(("127.0.0.1", port))
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def run(self, seconds: float, every: float = EVERY) -> list[Wait]:
        """Asks for so long."""
        waits = []
        began = time.perf_counter()
        for number in range(int(seconds / every)):
            due = began + number * every
            if (wait := due - time.perf_counter()) > 0:
                time.sleep(wait)
            self._ask()
            waits.append((due, time.perf_counter() - due))
        return waits

    def _ask(self) -> None:
        self._connection.sendall(REQUEST)
        answer = b""
        while not answer.endswith(b"healthy.\n") and not answer.endswith(b"healthy.\r\n"):
            piece = self._connection.recv(4096)
            if not piece:
                raise RuntimeError("the connection was closed")
            answer += piece


if __name__ == "__main__":
    probe = Probe(int(sys.argv[1]))
    tell("connected")
    obey({"run": probe.run})
