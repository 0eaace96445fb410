"""A WSGI server on loopback, a thread for each connection, that can be stopped with all its connections."""

import socket
import sys
import threading
from typing import TYPE_CHECKING, Any

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import ThreadedWSGIServer
from werkzeug.test import run_wsgi_app

NOT_OURS = ("content-length", "connection", "date", "server", "transfer-encoding")
"""Headers that the server sets itself."""

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class Handler(MotoRequestHandler):
    """Keeps connections, sends at once, and logs nothing."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def run_wsgi(self) -> None:
        """Answers a request and leaves the connection open; the front has read the request to its end."""
        body, status, headers = run_wsgi_app(self.server.app, self.make_environ(), buffered=True)
        whole = b"".join(body)
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            if name.lower() not in NOT_OURS:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(whole)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(whole)

    def finish(self) -> None:
        """Closes both files of the connection, also where the client went away before it had read everything."""
        try:
            super().finish()
        except ConnectionError:
            self.rfile.close()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: who wants to know reads the recorded calls."""


class Server(ThreadedWSGIServer):
    """Listens on 127.0.0.1."""

    def __init__(self, app: "WSGIApplication", port: int):
        self._open: set[socket.socket] = set()
        self._handling: set[threading.Thread] = set()
        self._lock = threading.Lock()
        super().__init__("127.0.0.1", port, app, handler=Handler)
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, name="demo-aws", daemon=True)

    def start(self) -> None:
        """Takes connections from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Ends every connection and waits for their threads."""
        self.shutdown()
        self._thread.join()
        with self._lock:
            handling = list(self._handling)
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    # The client was faster.
                    continue
        for thread in handling:
            thread.join()
        self.server_close()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """One connection, from its first request to its last."""
        with self._lock:
            self._open.add(request)
            self._handling.add(threading.current_thread())
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._open.discard(request)
                self._handling.discard(threading.current_thread())

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tells what went wrong with a connection, unless it is that the client went away."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)
