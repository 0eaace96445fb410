"""Many clients at once, slow ones, and such as go away, while polls are posted."""

import asyncio
import re
import socket
from collections import Counter

import pytest

from quota_exporter.model import JobId, Target
from tests.sites import PROMETHEUS_3, Site, usages


def counted(page: str) -> list[tuple[str, int]]:
    """How many usages of each account have the same value; an account comes twice where they have not all the same."""
    values = Counter(re.findall(r'(?m)^quota_usage\{account="(.)".* (.*)$', page))
    return [(account, count) for (account, _), count in sorted(values.items())]


async def test_no_torn_page(site: Site) -> None:
    """While polls are posted and rendered, every page is whole, and of a family of an account all series are of one poll."""
    polled = [Target("aws", str(number)) for number in range(3)]
    turn, began = 0, asyncio.Event()

    async def polls() -> None:
        nonlocal turn
        while True:
            turn += 1
            for target in polled:
                site.exporter.board.add(JobId("ec2", target), 1e9)
                site.exporter.board.post(JobId("ec2", target), usages(target, 4000, float(turn)), (), 1000.0)
                for _ in site.exporter.board.settle():
                    await asyncio.sleep(0)
            began.set()

    posting = asyncio.create_task(polls())
    await began.wait()
    pages = []
    for number in range(12):
        accept, encoding = ("text/plain", PROMETHEUS_3)[number % 2], ("gzip", "identity")[number // 2 % 2]
        pages.append(await site.text("/metrics", Accept=accept, Accept_Encoding=encoding))
    posting.cancel()

    assert [counted(page) for page in pages] == [[("0", 4000), ("1", 4000), ("2", 4000)]] * len(pages)
    assert len(set(pages)) > 1
    assert turn > 2


async def test_no_page_half_rendered(site: Site) -> None:
    """At every step of rendering, the page has all of a family of an account, as it was before or as it is after."""
    polled = [Target("aws", "0"), Target("aws", "1")]
    for target in polled:
        site.post(target, usages(target, 4000))
    for target in polled:
        site.exporter.board.post(JobId("ec2", target), usages(target, 4000, 2.0), (), 1060.0)

    pages = [await site.text("/metrics") for _ in site.exporter.board.settle()]

    assert [counted(page) for page in pages] == [[("0", 4000), ("1", 4000)]] * len(pages)
    assert len(pages) > 2 * 3
    assert len(set(pages)) > 2


@pytest.mark.parametrize("pause", [0, 0.2], ids=["while more is written", "while nothing more can be written"])
@pytest.mark.parametrize(("path", "rows"), [("/metrics", 60_000), ("/api/v1/quotas", 25_000)])
async def test_client_goes_away(path: str, rows: int, pause: float, site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """A client that disconnects in the middle of a large answer ends only that answer: without an error, or a task left."""
    site.post(Target("aws", "1"), usages(Target("aws", "1"), rows))
    before = asyncio.all_tasks()

    for _ in range(3):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(connection, ("127.0.0.1", site.port))
        await loop.sock_sendall(connection, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert (await loop.sock_recv(connection, 1000)).startswith(b"HTTP/1.1 200 OK")
        await asyncio.sleep(pause)
        connection.close()
    _, left = await asyncio.wait(asyncio.all_tasks() - before, timeout=10)

    assert left == set()
    assert (await site.text(path)).count("vpc-") == rows
    assert [record.getMessage() for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == []


async def test_slow_client_holds_up_nobody(site: Site) -> None:
    """While a client takes its time to read a large page, others get theirs."""
    site.post(Target("aws", "1"), usages(Target("aws", "1"), 60_000))
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port, limit=1024)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    start = await reader.readexactly(100)

    other = await site.text("/metrics")
    rest = await reader.read()
    writer.close()

    assert other.count("\nquota_usage{") == 60_000
    assert (start + rest).count(b"\nquota_usage{") == 60_000


async def test_many_clients(site: Site) -> None:
    """Fifty scrapes at the same time all get the whole page."""
    site.post(Target("aws", "1"), usages(Target("aws", "1"), 2000))

    pages = await asyncio.gather(*(site.text("/metrics", Accept_Encoding="gzip") for _ in range(50)))

    assert {page.count("\nquota_usage{") for page in pages} == {2000}
