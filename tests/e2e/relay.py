"""A relay between a client and a server: passes on what they say to each other, and remembers it."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from email.message import Message
from http.client import parse_headers
from io import BytesIO
from urllib.parse import urlsplit

from tests.e2e.pages import Page


class Relay:
    """Listens on loopback; every connection to it leads to one server.

    Attributes:
        url: Where it listens.

    Args:
        server: URL of the server.
        hidden: What the server is not to hear of a client's requests.
    """

    def __init__(self, server: str, hidden: bytes = b"") -> None:
        self.url = ""
        self._server = urlsplit(server)
        self._hidden = hidden
        self._asked: list[bytearray] = []
        self._answered: list[bytearray] = []
        self._listener: asyncio.Server | None = None
        self._passing: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listens."""
        self._listener = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._listener.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Ends all connections."""
        assert self._listener is not None
        self._listener.close()
        for task in self._passing:
            task.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)

    def requests(self) -> list[Message]:
        """The headers of every request so far."""
        return [headers for raw in list(self._asked) for headers, _ in _messages(bytes(raw))]

    def pages(self) -> list[Page]:
        """Every whole answer so far, those of one connection in their order."""
        return [Page(headers, body) for raw in list(self._answered) for headers, body in _messages(bytes(raw))]

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._passing.add(task)
        asked, answered = bytearray(), bytearray()
        self._asked.append(asked)
        self._answered.append(answered)
        far_reader, far_writer = await asyncio.open_connection(self._server.hostname, self._server.port)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_pass_on(reader, far_writer, asked, self._hidden))
                group.create_task(_pass_on(far_reader, writer, answered))
        finally:
            far_writer.close()
            writer.close()
            await asyncio.gather(far_writer.wait_closed(), writer.wait_closed(), return_exceptions=True)
            self._passing.discard(task)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray, hidden: bytes = b"") -> None:
    while piece := await reader.read(1 << 16):
        # As long as before, so that nothing else changes.
        shown = piece.replace(hidden, b"x" * len(hidden)) if hidden else piece
        kept += shown
        writer.write(shown)
        await writer.drain()
    # Either side may have ended the connection meanwhile.
    with suppress(OSError):
        writer.write_eof()


def _messages(raw: bytes) -> Iterator[tuple[Message, bytes]]:
    """Headers and body of each whole message of a connection."""
    stream = BytesIO(raw)
    while b"\r\n\r\n" in raw[stream.tell() :]:
        stream.readline()
        headers = parse_headers(stream)
        length = int(headers["Content-Length"] or 0)
        body = stream.read(length)
        if len(body) == length:
            yield headers, body
