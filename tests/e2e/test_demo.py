"""`quota-exporter demo`: what it prints is true, its numbers move, it stays on this machine, and it leaves nothing behind."""

import signal
import socket
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.e2e.conftest import LOOPBACK, Site, demo_site
from tests.e2e.pages import Samples, get, quotas
from tests.processes import EXPORTER, Program, eventually

DEFAULT = ("127.0.0.1", 10042)


@pytest.mark.parametrize("path", ["/metrics", "/api/v1/targets", "/api/v1/quotas", "/"])
def test_urls(path: str, demo: Site) -> None:
    """Every URL that is printed answers."""
    assert f"  {demo.url}{path} " in demo.program.written()
    assert get(demo.url + path).body


def test_numbers_move(demo: Site) -> None:
    """The cluster lives: soon a page tells other numbers than before, of the same series."""
    before = quotas(demo.page().samples())

    def moved() -> Samples:
        now = quotas(demo.page().samples())
        return {key: value for key, value in now.items() if before.get(key, value) != value}

    found = eventually(moved)

    assert {name for name, _ in found} <= {"quota_usage", "quota_api_requests_total", "quota_api_throttled_requests_total"}


def test_stays_on_this_machine(demo: Site) -> None:
    """Nothing listens on other than loopback, and nobody else is talked to."""
    connections = psutil.Process(demo.program.process.pid).net_connections("inet")

    # A connection is shown with its own place, and that of the other side where there is one.
    places = {place[0] for connection in connections for place in (connection.laddr, connection.raddr) if len(place)}
    assert [connection.status for connection in connections].count("LISTEN") == 3
    assert places == {"127.0.0.1"}


def test_fleet(demo: Site) -> None:
    """The accounts of the embedded organization are polled in both regions and, once, for what is the same in all."""

    def polled() -> bool:
        time.sleep(0.5)
        page = demo.page()
        found = {(of["account"], of["region"]) for of, _ in page.series("quota_usage", provider="aws")}
        accounts = ("111111111111", "222222222222", "333333333333")
        everything = {(account, region) for account in accounts for region in ("eu-west-1", "us-east-1", "global")}
        # Of 5, as was seeded.
        full = page.values("quota_usage", account="333333333333", quota_code="L-0263D0A3", region="eu-west-1")
        failed = [of for of, value in page.series("quota_exporter_poll_success", provider="aws") if not value]
        return found == everything and full == [5.0] and not failed

    eventually(polled, seconds=90)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_leaves_nothing_behind(number: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C and SIGTERM end it without complaint, and its folder with the credentials of its cluster is gone."""
    folder = tmp_path / "temporary"
    folder.mkdir()

    with Program(tmp_path / "output", *EXPORTER, "demo", LOOPBACK, TMPDIR=str(folder), PYTHONWARNINGS="default") as program:
        get(demo_site(program).url)
        names = [path.name for path in folder.glob("quota-exporter-demo-*/*")]
        code = program.stopped(number)

    assert sorted(names) == ["aws-config", "ca.crt", "config.yaml", "kubeconfig"]
    assert (code, list(folder.iterdir())) == (0, [])
    assert program.written().endswith("INFO stopping\n")
    assert "Warning" not in program.written()


def test_stopped_while_it_starts(tmp_path: Path) -> None:
    """SIGTERM ends it as cleanly when it has not come to serve anything yet."""
    folder = tmp_path / "temporary"
    folder.mkdir()

    with Program(tmp_path / "output", *EXPORTER, "demo", LOOPBACK, TMPDIR=str(folder)) as program:
        eventually(lambda: list(folder.iterdir()))
        code = program.stopped()

    assert (code, list(folder.iterdir())) == (0, [])


def test_port_is_taken(tmp_path: Path) -> None:
    """Unasked it listens on loopback alone; where that port is taken, it says so and leaves nothing behind."""
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # If somebody else has it, so much the better.
        with suppress(OSError):
            taken.bind(DEFAULT)
            taken.listen()
        with Program(tmp_path / "output", *EXPORTER, "demo", TMPDIR=str(tmp_path)) as program:
            code = program.process.wait(30)

    last = program.written().splitlines()[-1]
    assert code == 1
    assert last.startswith("quota-exporter: cannot listen on 127.0.0.1:10042: ")
    assert [path.name for path in tmp_path.iterdir()] == ["output"]
