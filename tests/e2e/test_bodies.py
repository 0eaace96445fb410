"""Every client reads the whole body: Prometheus, curl, Python, zcat, promtool."""

import gzip
import subprocess
from pathlib import Path

import pytest

from tests.conftest import needs
from tests.e2e.conftest import Standing
from tests.e2e.pages import get
from tests.e2e.prometheus import Prometheus

SELECTED = "/metrics?provider=kubernetes"
"""Without what the exporter tells of itself, which moves."""


def run_program(*command: object, text: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """A program that ran, whatever its exit code."""
    return subprocess.run([str(word) for word in command], input=text, capture_output=True, check=False, timeout=30)


@needs("prometheus")
def test_prometheus(prometheus: Prometheus, standing: Standing) -> None:
    """Prometheus asks for gzip, gets gzip, and takes every series of the body."""
    requests, pages = standing.relay.requests(), standing.relay.pages()

    assert {request["Accept-Encoding"] for request in requests} == {"gzip"}
    assert {page.headers["Content-Encoding"] for page in pages} == {"gzip"}
    assert {page.headers["Content-Type"].partition(";")[0] for page in pages} == {"application/openmetrics-text"}
    assert pages[-1].samples().keys() == prometheus.held("standing").keys()


@needs("prometheus")
def test_prometheus_with_text(prometheus: Prometheus, standing: Standing) -> None:
    """A Prometheus that does not know OpenMetrics gets text, in gzip too, and takes every series of it."""
    pages = standing.plain_relay.pages()

    assert {page.headers["Content-Encoding"] for page in pages} == {"gzip"}
    assert {page.headers["Content-Type"] for page in pages} == {"text/plain; version=0.0.4; charset=utf-8"}
    assert pages[-1].samples().keys() == prometheus.held("plain").keys()


@needs("promtool")
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_promtool(encoding: str, standing: Standing) -> None:
    """Nothing is left to say about the page for promtool."""
    page = standing.site.page(Accept_Encoding=encoding)

    checked = run_program("promtool", "check", "metrics", text=page.text().encode())

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_python(standing: Standing) -> None:
    """Python's gzip reads what is sent uncompressed to those who do not want gzip."""
    packed = get(standing.site.url + SELECTED, Accept_Encoding="gzip")
    bare = get(standing.site.url + SELECTED, Accept_Encoding="identity")

    assert (packed.headers["Content-Encoding"], bare.headers["Content-Encoding"]) == ("gzip", None)
    assert gzip.decompress(packed.body) == bare.body
    assert len(packed.body) < len(bare.body) / 4


@needs("curl")
def test_curl(standing: Standing) -> None:
    """`curl --compressed` shows the same as `curl`, and gets less."""
    command = ("curl", "--silent", "--noproxy", "*", "--write-out", "%{stderr}%{size_download}", standing.site.url + SELECTED)

    packed, bare = run_program(*command, "--compressed"), run_program(*command)

    assert packed.stdout == bare.stdout
    assert packed.stdout.startswith(b"# HELP quota_usage ")
    assert int(packed.stderr) < int(bare.stderr) == len(bare.stdout)


@needs("zcat")
def test_zcat(standing: Standing, tmp_path: Path) -> None:
    """A body that was saved as it came is read by zcat, without a word about what follows it."""
    (tmp_path / "metrics.gz").write_bytes(get(standing.site.url + SELECTED, Accept_Encoding="gzip").body)

    unpacked = run_program("zcat", tmp_path / "metrics.gz")

    assert (unpacked.returncode, unpacked.stderr) == (0, b"")
    assert unpacked.stdout == get(standing.site.url + SELECTED).body
