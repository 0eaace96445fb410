"""Sends a page that it read once, as fast as a socket takes it. A process."""

import socket
import sys
import threading

from tests.bench.client import scrape
from tests.bench.control import obey, tell


def send(listener: socket.socket, body: bytes) -> None:
    """Answers everything with the page."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(body)
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(head)
            connection.sendall(body)


if __name__ == "__main__":
    page = scrape(int(sys.argv[1]), "identity", keep=True).body
    server = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=send, args=(server, page), daemon=True).start()
    tell(server.getsockname()[1])
    obey({})
