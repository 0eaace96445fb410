"""prometheus-client's own server on the same readings. A process."""

import sys

from prometheus_client import CollectorRegistry, start_http_server

from tests.bench.control import obey, tell
from tests.bench.data import SERIES_PER_TARGET, Reference

if __name__ == "__main__":
    registry = CollectorRegistry()
    registry.register(Reference(int(sys.argv[1]) // SERIES_PER_TARGET))
    server, _ = start_http_server(0, "127.0.0.1", registry)
    tell(server.server_port)
    obey({})
