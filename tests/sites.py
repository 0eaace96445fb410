"""What tests of the web side share: an exporter that is served on loopback, and what its pages say."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from quota_exporter.cli.exporter import Exporter
from quota_exporter.cli.serve import served
from quota_exporter.errors import ApiError
from quota_exporter.families import USAGE
from quota_exporter.model import JobId, Quota, Reading, Target
from quota_exporter.web.app import application

PROMETHEUS_2_42 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@dataclass
class Site:
    """An exporter that is served on loopback, and a client that asks it without decoding anything."""

    exporter: Exporter
    url: str
    client: aiohttp.ClientSession

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    async def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, str, Any]:
        """Status, body as text, and headers; headers to send are written with underscores."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.client.request(method, self.url + path, headers=sent) as response:
            body = await response.read()
            raw = gzip.decompress(body) if response.headers.get("Content-Encoding") == "gzip" else body
            return response.status, raw.decode(), response.headers

    async def text(self, path: str, **headers: str) -> str:
        """The body of what must be there."""
        status, body, _ = await self.ask(path, **headers)
        assert status == 200
        return body

    async def json(self, path: str) -> list[dict[str, Any]]:
        """The only list of a JSON object, whose name is the path's last part."""
        found = json.loads(await self.text(path))
        (items,) = found.values()
        assert list(found) == [path.partition("?")[0].rpartition("/")[2]]
        return list(items)

    async def raw(self, request: str) -> bytes:
        """Everything that comes over a connection of its own until it is closed."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request.encode())
        found = await reader.read()
        writer.close()
        await writer.wait_closed()
        return found

    def post(
        self, target: Target, readings: Iterable[Reading] = (), errors: Iterable[ApiError] = (), source: str = "ec2"
    ) -> None:
        """Has a job on the board, with this outcome, and renders."""
        job = JobId(source, target)
        self.exporter.board.add(job, 1e9)
        self.exporter.board.post(job, readings, errors, 1000.0)
        self.settle()

    def settle(self) -> None:
        """Renders what changed."""
        for _ in self.exporter.board.settle():
            pass


@asynccontextmanager
async def site_of(exporter: Exporter, telemetry_path: str = "/metrics") -> AsyncIterator[Site]:
    """Serves an exporter."""
    app = application(exporter.board, exporter.poller, exporter.own.registry, exporter.reload, telemetry_path)
    skipped = ("Accept", "Accept-Encoding")
    async with (
        served(app, [("127.0.0.1", 0)]) as (url,),
        aiohttp.ClientSession(auto_decompress=False, skip_auto_headers=skipped) as client,
    ):
        yield Site(exporter, url, client)
    await exporter.plan.close()


def quota(code: str, service: str = "ec2") -> Quota:
    """A quota whose facts do not matter."""
    return Quota(service, code, "Name", "count", "allocation", "true", "counted", "provider")


def usages(target: Target, rows: int, value: float = 1.0) -> list[Reading]:
    """As many readings, all with the same value; 60,000 are more text than what the system buffers for a connection."""
    return [Reading(target, quota("L-1"), USAGE, value, f"vpc-{number:06}") for number in range(rows)]


def families(page: str) -> list[Any]:
    """A page in either format as an independent parser reads it."""
    return list(parse_openmetrics(page) if page.endswith("# EOF\n") else parse_text(page))


def targets(page: str) -> set[str]:
    """Whose series are on a page, as `provider/account/region`."""
    labels = [sample.labels for family in families(page) for sample in family.samples if "account" in sample.labels]
    return {f"{found['provider']}/{found['account']}/{found.get('region', '')}" for found in labels}
