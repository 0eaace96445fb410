"""Processes that are measured: those of the benchmark itself, and the exporter as its users start it."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from tests.processes import ROOT, end

REFUSED = "https://127.0.0.1:1"

KUBECONFIG = """\
{{"apiVersion": "v1", "kind": "Config", "current-context": "nowhere",
 "contexts": [{{"name": "nowhere", "context": {{"cluster": "nowhere", "user": "nobody"}}}}],
 "clusters": [{{"name": "nowhere", "cluster": {{"server": "{server}"}}}}],
 "users": [{{"name": "nobody", "user": {{"token": "none"}}}}]}}
"""


class Child:
    """A module of the benchmark in a process of its own."""

    def __init__(self, module: str, *args: object) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"tests.bench.{module}", *map(str, args)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._seen = psutil.Process(self._process.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        end(self._process)

    def tell(self, command: str) -> None:
        """Sends a command."""
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        """Waits for the answer to a command, or to none where the module answers by itself."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args!r} ended with exit code {self._process.wait()}")
        return json.loads(line)

    def ask(self, command: str) -> Any:
        """Sends a command, and waits for its answer."""
        self.tell(command)
        return self.answer()

    def rss(self) -> float:
        """Resident memory now, in MB."""
        return self._seen.memory_info().rss / 1e6

    def peak(self) -> float:
        """The most memory that was ever resident, in MB."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return float(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def config_in(folder: Path) -> Path:
    """A config with one cluster that refuses connections."""
    kubeconfig, config = folder / "kubeconfig", folder / "config.yaml"
    kubeconfig.write_text(KUBECONFIG.format(server=REFUSED))
    config.write_text(f"kubernetes:\n  - name: nowhere\n    kubeconfig: {kubeconfig}\n")
    return config


@contextmanager
def exporter(config: Path) -> Iterator[tuple[int, psutil.Process, float]]:
    """Runs the real `quota-exporter serve`; gives port, process, and the seconds from exec to the first 200."""
    port = free_port()
    command = ["-m", "quota_exporter", "serve", f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}"]
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, *command], cwd=ROOT, stderr=subprocess.DEVNULL, text=True)
    try:
        while not _healthy(port):
            if process.poll() is not None or time.perf_counter() - began > 30:
                raise RuntimeError(f"the exporter does not answer; exit code {process.returncode}")
            time.sleep(0.002)
        yield port, psutil.Process(process.pid), time.perf_counter() - began
    finally:
        end(process)


def _healthy(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return connection.recv(64).startswith(b"HTTP/1.1 200 ")
    except OSError:
        return False
