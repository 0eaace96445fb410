"""`quota-exporter serve` as a process: signals, clusters that fail, and a configuration that is wrong."""

import json
import socket
import subprocess
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path
from signal import SIGHUP
from urllib.parse import urlsplit

import pytest
import yaml

from quota_exporter.demo import faults
from quota_exporter.demo.apiserver import Apiserver
from quota_exporter.demo.kube_objects import captured
from tests.clusters import written
from tests.e2e.conftest import LOOPBACK, SOURCES, Run, Site, serve_site
from tests.e2e.pages import get
from tests.processes import EXPORTER, ROOT, Program, eventually

CONFIGS = ROOT / "tests" / "configs"
REFUSES = {"server": "https://127.0.0.1:1"}

FAILURES = {
    "good": {},
    "forbids": {"source": "pods", "reason": "denied", "operation": "GET /api/v1/pods", "permission": "list pods"},
    "gone": {"source": "nodes", "reason": "unreachable", "operation": "GET /api/v1/nodes", "permission": ""},
}
"""Clusters, and what is told of each."""


@pytest.fixture
def cluster(run: Run) -> Iterator[Apiserver]:
    """A cluster; tests put faults into it."""
    server = Apiserver()
    run(server.start())
    yield server
    run(server.stop())


def entry(name: str, kubeconfig: Path, *sources: str) -> dict[str, object]:
    """A cluster of the configuration, of which some sources are polled each second."""
    settings = {source: {"enabled": source in sources, "interval": "1s"} for source in SOURCES}
    return {"name": name, "kubeconfig": str(kubeconfig), "sources": settings}


def write(folder: Path, *entries: dict[str, object]) -> None:
    """Writes the configuration."""
    (folder / "config.yaml").write_text(yaml.safe_dump({"kubernetes": list(entries)}))


def serve(folder: Path) -> Program:
    """The exporter with the configuration of a folder."""
    return Program(
        folder / "output", *EXPORTER, "serve", f"--config.file={folder / 'config.yaml'}", LOOPBACK, "--log.format=json"
    )


def logged(program: Program, level: str) -> list[dict[str, str]]:
    """The log lines of a level; no others are written."""
    lines = map(json.loads, program.written().splitlines())
    return [line for line in lines if line["level"] == level]


def polled(site: Site) -> set[str]:
    """The clusters that are polled."""
    return {labels["account"] for labels, _ in site.page().series("quota_exporter_poll_success", region="global")}


def polled_twice(site: Site, *sources: str) -> bool:
    """Whether each of some sources was polled at least twice."""
    page = site.page()
    return all(sum(page.values("quota_exporter_poll_duration_seconds_count", source=source)) >= 2 for source in sources)


def long_names(number: int) -> bytes:
    """A page of kube-apiserver with so many types of objects more, whose names are so long that no buffer takes our page."""
    types = (f"{count}-{'x' * 1000}" for count in range(number))
    more = (f'apiserver_resource_objects{{group="example.com",resource="{name}"}} 1\n' for name in types)
    return captured("apiserver-after-60s.txt") + "".join(more).encode()


def slow_scrape(site: Site) -> socket.socket:
    """A client that asks for the metrics, and reads next to nothing of them."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(10)
    client.connect(("127.0.0.1", urlsplit(site.url).port))
    client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert client.recv(1, socket.MSG_PEEK) == b"H"
    return client


def missing(client: socket.socket) -> int:
    """Reads until the server ends the connection; returns how many bytes of the body did not come."""
    response = HTTPResponse(client)
    response.begin()
    expected, came = int(response.headers["Content-Length"]), 0
    try:
        while piece := response.read1(1 << 16):
            came += len(piece)
    except ConnectionResetError:
        pass
    return expected - came


def test_sigterm(cluster: Apiserver, tmp_path: Path) -> None:
    """SIGTERM ends it soon and without complaint, even while a cluster hangs and a client reads slowly."""
    page = long_names(5_000)
    cluster.metrics = lambda: page
    cluster.answers["/api/v1/nodes"] = faults.hangs
    write(tmp_path, entry("hangs", cluster.kubeconfig(tmp_path), "nodes", "apiserver"))

    with serve(tmp_path) as program:
        site = serve_site(program)
        eventually(lambda: int(get(f"{site.url}/metrics", "HEAD").headers["Content-Length"]) > 8_000_000)
        with slow_scrape(site) as client:
            code = program.stopped()
            left = missing(client)

    assert (code, left > 0) == (0, True)
    assert [request for request in cluster.requests if "/nodes?" in request] == ["GET /api/v1/nodes?limit=50"]
    assert logged(program, "info")[-1]["message"] == "stopping"
    assert logged(program, "warning") == logged(program, "error") == []


def reloaded(program: Program, site: Site) -> float:
    """Sends SIGHUP, and waits until it was obeyed; returns what the metric tells of it."""
    before = len(program.written().splitlines())
    program.process.send_signal(SIGHUP)
    eventually(lambda: "reloaded" in "".join(program.written().splitlines()[before:]))
    (worked,) = site.page().values("quota_exporter_config_last_reload_successful")
    return worked


def test_sighup(cluster: Apiserver, tmp_path: Path) -> None:
    """SIGHUP reads the file again; when it is wrong, a metric and the log tell so, and all goes on as before."""
    first, second = (entry(name, cluster.kubeconfig(tmp_path), "nodes") for name in ("first", "second"))
    write(tmp_path, first)

    with serve(tmp_path) as program:
        site = serve_site(program)
        write(tmp_path, first, second)
        assert reloaded(program, site) == 1
        eventually(lambda: polled(site) == {"first", "second"})

        write(tmp_path)
        assert reloaded(program, site) == 0
        assert polled(site) == {"first", "second"}

        write(tmp_path, second)
        assert reloaded(program, site) == 1
        eventually(lambda: polled(site) == {"second"})

    (error,) = logged(program, "error")
    assert error["message"].startswith("the configuration was not reloaded, nothing changed: ")
    assert "config.yaml:1: nothing to poll; there may be aws, kubernetes" in error["message"]


def test_clusters_that_fail(cluster: Apiserver, tmp_path: Path) -> None:
    """A cluster that is gone and one that forbids leave the others alone; metrics say why, and the log does so once."""
    cluster.answers["/api/v1/pods"] = faults.denied("pods")
    kubeconfig, gone = cluster.kubeconfig(tmp_path), written(tmp_path / "gone", REFUSES, {"token": "none"})
    write(
        tmp_path, entry("good", kubeconfig, "resource_quotas"), entry("forbids", kubeconfig, "pods"), entry("gone", gone, "nodes")
    )

    with serve(tmp_path) as program:
        site = serve_site(program)
        eventually(lambda: polled_twice(site, "resource_quotas", "pods", "nodes"))
        page = site.page()

    success = {name: page.values("quota_exporter_poll_success", account=name, region="global") for name in FAILURES}
    assert success == {"good": [1], "forbids": [0], "gone": [0]}
    shown = [labels for labels, _ in page.series("quota_exporter_poll_failure_reason")]
    told = logged(program, "warning")
    for name, facts in FAILURES.items():
        expected = [facts] if facts else []
        assert [{key: labels.get(key, "") for key in facts} for labels in shown if labels["account"] == name] == expected
        assert [{key: line.get(key, "") for key in facts} for line in told if line["account"] == name] == expected
    assert logged(program, "error") == []


def test_wrong_configuration() -> None:
    """A wrong configuration ends it at once, with every mistake in it and no traceback."""
    path = CONFIGS / "many.bad.yaml"

    ended = subprocess.run([*EXPORTER, "serve", f"--config.file={path}", LOOPBACK], capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.replace(str(path), path.name) == path.with_suffix(".txt").read_text()
