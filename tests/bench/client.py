"""A client that is no slower than the loopback, so that the server is measured and not the client."""

import gzip
import socket
import time
from typing import NamedTuple

BUFFER = bytearray(1 << 20)


class Scrape(NamedTuple):
    """One answer.

    Attributes:
        seconds: From the connect to the last byte.
        size: Bytes of the body as it came over the wire.
        body: The body, unpacked; only where it was asked for.
    """

    seconds: float
    size: int
    body: bytes


def scrape(port: int, encoding: str, keep: bool = False) -> Scrape:
    """Reads /metrics."""
    request = f"GET /metrics HTTP/1.1\r\nHost: localhost:{port}\r\nAccept-Encoding: {encoding}\r\nConnection: close\r\n\r\n"
    kept: list[bytes] = []
    began = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request.encode())
        length, head, rest = _head(connection)
        if keep:
            kept.append(rest)
        size = len(rest)
        while size != length and (count := connection.recv_into(BUFFER)):
            size += count
            if keep:
                kept.append(bytes(BUFFER[:count]))
        seconds = time.perf_counter() - began
    if length not in (None, size) or not head.split(b" ", 2)[1] == b"200":
        raise RuntimeError(f"no whole page: {head!r}, {size} bytes")
    body = b"".join(kept)
    return Scrape(seconds, size, gzip.decompress(body) if keep and encoding == "gzip" else body)


def _head(connection: socket.socket) -> tuple[int | None, bytes, bytes]:
    """Content-Length, None where the body ends with the connection; the head; and what came with it of the body."""
    text = b""
    while b"\r\n\r\n" not in text:
        count = connection.recv_into(BUFFER)
        if not count:
            raise RuntimeError(f"the answer ends in its head: {text!r}")
        text += BUFFER[:count]
    head, _, rest = text.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value), head, rest
    return None, head, rest
