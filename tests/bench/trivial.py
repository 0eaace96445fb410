"""A server that does next to nothing: what it is late by is the machine's fault, and the probe's. A process."""

import asyncio

from tests.bench.control import obey_meanwhile, tell
from tests.bench.stall import Watch

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 28\r\n\r\nquota-exporter is healthy.\r\n"


class Trivial(asyncio.Protocol):
    """Answers everything at once with the same."""

    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remembers whom to answer."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """A request, whole because it is short."""
        self.transport.write(ANSWER)


async def main() -> None:
    """Tells its port, then does what it is told."""
    server = await asyncio.get_running_loop().create_server(Trivial, "127.0.0.1", 0)
    watch = Watch()
    tell(server.sockets[0].getsockname()[1])
    await obey_meanwhile({"watch": watch.on, "seen": watch.seen})


if __name__ == "__main__":
    asyncio.run(main())
