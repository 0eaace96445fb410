"""The web side over real HTTP: formats, encodings, selectors, JSON, readiness, reload, and clients that go away."""

import asyncio
import gzip
import json
import re
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from quota_exporter.cli.exporter import Exporter
from quota_exporter.cli.serve import served
from quota_exporter.demo import faults
from quota_exporter.demo.apiserver import Apiserver
from quota_exporter.errors import ApiError, ConfigError, Denied
from quota_exporter.exposition import CONTENT_TYPES
from quota_exporter.families import CEILING, FAMILIES, LIMIT, USAGE
from quota_exporter.model import JobId, Quota, Reading, Target
from quota_exporter.plan import Job
from quota_exporter.web.app import PAGES, READY_AFTER, Readiness, application, check_path

TEXT = CONTENT_TYPES["text"]
OPENMETRICS = CONTENT_TYPES["openmetrics"]

PROMETHEUS_2_42 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
ACCEPTS = [
    ("", TEXT),
    ("*/*", TEXT),
    ("text/html,application/xhtml+xml,*/*;q=0.8", TEXT),
    (PROMETHEUS_2_42, OPENMETRICS),
    (PROMETHEUS_3, f"{OPENMETRICS}; escaping=allow-utf-8"),
    ("application/vnd.google.protobuf;encoding=delimited;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", TEXT),
    ("application/openmetrics-text", OPENMETRICS),
    ("Application/OpenMetrics-Text; Version=1.0.0; Q=0.9, text/plain; q=0.8", OPENMETRICS),
    ("application/openmetrics-text;q=0.1,text/plain;q=0.9", TEXT),
    ("application/openmetrics-text;q=0.5,text/plain;q=0.5", OPENMETRICS),
    ("application/openmetrics-text;q=0.3,text/*;q=0.5", TEXT),
    ("application/openmetrics-text;q=0,*/*", TEXT),
    ("application/openmetrics-text;q=0", TEXT),
    ("application/openmetrics-text;version=2.0.0", TEXT),
    ("application/openmetrics-text;escaping=none-of-these", OPENMETRICS),
    ("text/plain;q=0,*/*;q=0.1", OPENMETRICS),
    ("application/json", TEXT),
    ("application/openmetrics-text;q=much,text/plain;q=0.5", TEXT),
    ("application/openmetrics-text;q=nan", TEXT),
    (",;,=;q", TEXT),
]
ENCODINGS = [
    ("", False),
    ("gzip", True),
    ("GZIP", True),
    ("gzip, deflate, br", True),
    ("gzip;q=0.2", True),
    ("gzip;q=0", False),
    ("identity", False),
    ("identity, gzip;q=0.5", False),
    ("identity;q=0.5, gzip;q=0.5", True),
    ("identity;q=0, gzip;q=0.1", True),
    ("*", True),
    ("*;q=0", False),
    ("*, gzip;q=0", False),
    ("br", False),
    ("gzip;q=x", False),
]
HOSTILE = 'a"b\\c\nd } 5 {x="y",</script>\r\t\x00\x1b[31m\u2028\u00fc\U0001f980'


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


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """An exporter that polls nothing: what is on its board is posted by hand."""
    async with site_of(Exporter(None)) as running:
        yield running


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Site]:
    """An exporter that polled a cluster once; its pods may not be listed."""
    async with Apiserver() as server:
        server.answers["/api/v1/pods"] = faults.denied("pods")
        config = tmp_path / "config.yaml"
        entry = {"name": "prod", "kubeconfig": str(server.kubeconfig(tmp_path)), "calls_per_second": 1000}
        config.write_text(yaml.safe_dump({"kubernetes": [entry]}))
        exporter = Exporter(config)
        await exporter.reload()
        await exporter.poller.once()
        async with site_of(exporter) as running:
            running.settle()
            yield running


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


# Formats and encodings


@pytest.mark.parametrize(("accept", "content_type"), ACCEPTS)
async def test_format(accept: str, content_type: str, site: Site) -> None:
    """The format is the one that is wanted most, by q-value; text where nothing is said or nothing fits."""
    _, body, headers = await site.ask("/metrics", **({"Accept": accept} if accept else {}))

    assert headers["Content-Type"] == content_type
    assert body.endswith("# EOF\n") == content_type.startswith(OPENMETRICS)
    assert headers["Vary"] == "Accept, Accept-Encoding"


@pytest.mark.parametrize(("accept_encoding", "packed"), ENCODINGS)
async def test_encoding(accept_encoding: str, packed: bool, site: Site) -> None:
    """The body is packed where gzip is wanted at least as much as the bare text."""
    _, body, headers = await site.ask("/metrics", **({"Accept_Encoding": accept_encoding} if accept_encoding else {}))

    assert headers.get("Content-Encoding", "") == ("gzip" if packed else "")
    assert "\nquota_exporter_build_info{" in body


@pytest.mark.parametrize("accept", ["text/plain", PROMETHEUS_2_42])
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_length(accept: str, encoding: str, site: Site) -> None:
    """Content-Length is the number of bytes that come until the connection ends, and HEAD gives the same without them."""
    site.post(Target("aws", "1"), usages(Target("aws", "1"), 5000))
    request = (
        f"/metrics?account=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: {accept}\r\nAccept-Encoding: {encoding}\r\n\r\n"
    )

    head, _, body = (await site.raw(f"GET {request}")).partition(b"\r\n\r\n")
    head_only, _, nothing = (await site.raw(f"HEAD {request}")).partition(b"\r\n\r\n")

    assert f"Content-Length: {len(body)}".encode() in head.split(b"\r\n")
    text = gzip.decompress(body) if encoding == "gzip" else body
    assert text.count(b"\nquota_usage{") == 5000
    assert re.sub(rb"Date: .*", b"", head) == re.sub(rb"Date: .*", b"", head_only)
    assert nothing == b""


@pytest.mark.parametrize("path", ["/", "/api/v1/quotas", "/api/v1/targets", "/-/healthy", "/-/ready"])
async def test_head(path: str, cluster: Site) -> None:
    """HEAD is answered everywhere as GET is, without a body that the next answer would be taken for."""
    request = f"HEAD {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    head, _, body = (await cluster.raw(request)).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert body == b""


async def test_both_formats_tell_the_same(cluster: Site) -> None:
    """The same quota series, with the same values, are in both formats."""
    text, openmetrics = [await cluster.text("/metrics?account=prod", Accept=accept) for accept in ("text/plain", PROMETHEUS_3)]

    samples = [
        {(s.name, *sorted(s.labels.items()), s.value) for f in families(page) for s in f.samples} for page in (text, openmetrics)
    ]
    assert samples[0] == samples[1]
    assert len(samples[0]) > 100


@pytest.mark.parametrize("accept", ["text/plain", PROMETHEUS_2_42])
async def test_whole_page(accept: str, cluster: Site) -> None:
    """No series comes twice, HELP and TYPE once per family and before its samples, our own metrics included."""
    page = await cluster.text("/metrics", Accept=accept)

    told = Counter(re.findall("(?m)^# (HELP|TYPE|UNIT) ([^ ]+) ", page))
    names = Counter(family.name for family in families(page))
    series = Counter((sample.name, *sorted(sample.labels.items())) for family in families(page) for sample in family.samples)
    assert {count for found in (told, names, series) for count in found.values()} == {1}
    assert {name for what, name in told if what == "HELP"} == {name for what, name in told if what == "TYPE"}
    assert {sample.name for family in families(page) for sample in family.samples} >= {"quota_usage", "quota_exporter_series"}
    assert "python_gc_collections_total{" in page
    assert "process_open_fds " in page


async def test_end_of_openmetrics(cluster: Site) -> None:
    """OpenMetrics ends with its end mark, which comes once; nothing has a `_created` series, which would only double them."""
    page = await cluster.text("/metrics", Accept=PROMETHEUS_2_42)

    assert page.endswith("\n# EOF\n")
    assert page.count("# EOF") == 1
    assert "_created" not in page


async def test_only_known_families(cluster: Site) -> None:
    """What is ours on the page is in the list of families, under that name and with that help."""
    page = await cluster.text("/metrics", Accept="text/plain")

    helps = dict(line.split(" ", 3)[2:] for line in page.splitlines() if line.startswith("# HELP quota_"))
    known = {family.name: family.help for family in FAMILIES}
    assert helps.items() <= known.items()
    assert {"quota_usage", "quota_limit", "quota_info", "quota_exporter_poll_failure_reason"} <= helps.keys()


# Selectors


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("provider=gcp", {"gcp/1/eu"}),
        ("account=1", {"aws/1/eu", "aws/1/us", "gcp/1/eu"}),
        ("region=eu", {"aws/1/eu", "aws/2/eu", "gcp/1/eu"}),
        ("provider=aws&account=1&region=us", {"aws/1/us"}),
        ("provider=aws&region=e", set()),
        ("account=&region=", {"aws/1/eu", "aws/1/us", "aws/2/eu", "gcp/1/eu"}),
    ],
)
async def test_selectors(query: str, wanted: set[str], site: Site) -> None:
    """Provider, account and region select, together or alone, and leave out what is of no account; an empty one does nothing."""
    for target in (Target("aws", "1", "eu"), Target("aws", "1", "us"), Target("aws", "2", "eu"), Target("gcp", "1", "eu")):
        site.post(target, usages(target, 2))

    page = await site.text(f"/metrics?{query}")

    assert targets(page) == wanted
    assert ("quota_exporter_build_info" in page) == (query == "account=&region=")


async def test_hostile_selector(site: Site) -> None:
    """Whatever an account and a region are called, they can be selected, and nothing else is with them."""
    strange, other = Target("aws", HOSTILE, HOSTILE), Target("aws", "1", 'x",region="' + HOSTILE)
    site.post(strange, usages(strange, 1))
    site.post(other, usages(other, 1))

    async with site.client.get(site.url + "/metrics", params={"account": HOSTILE}) as by_account:
        first = await by_account.text()
    async with site.client.get(site.url + "/metrics", params={"region": HOSTILE}) as by_region:
        second = await by_region.text()

    assert targets(first) == targets(second) == {f"aws/{HOSTILE}/{HOSTILE}"}


async def test_nothing_selected(site: Site) -> None:
    """A selection without anything in it is an empty page that scrapers accept, not an error."""
    assert await site.text("/metrics?account=nobody", Accept_Encoding="gzip") == ""
    assert await site.text("/metrics?account=nobody", Accept=PROMETHEUS_3) == "# EOF\n"
    assert await site.json("/api/v1/quotas?account=nobody") == []


@pytest.mark.parametrize("path", ["/metrics", "/api/v1/quotas", "/api/v1/targets"])
@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("acount=1", "no such selector: acount; there are provider, account, region"),
        ("account=1&b=2&a=", "no such selector: a, b; there are"),
        ("account=1&account=2", "given more than once: account"),
        ("name[]=up", "no such selector: name[]"),
    ],
)
async def test_bad_selector(path: str, query: str, words: str, site: Site) -> None:
    """A selector that is unknown, or whose second value would be passed over, is refused with what there is."""
    status, body, _ = await site.ask(f"{path}?{query}")

    assert status == 400
    assert words in body


# JSON


async def test_quotas(site: Site) -> None:
    """Usage, limit and ceiling of a quota come together with its facts; what nobody told is not there."""
    target = Target("aws", "1", "eu", "team-a")
    readings = [
        Reading(target, quota("L-1"), family, number, "vpc-1") for family, number in ((USAGE, 3.5), (LIMIT, 5), (CEILING, 9))
    ]
    site.post(target, [*readings, Reading(target, quota("L-2", "ebs"), USAGE, 0)])

    first, second = await site.json("/api/v1/quotas")

    facts = {"quota_name": "Name", "unit": "count", "kind": "allocation", "adjustable": "true"}
    whose = {"provider": "aws", "account": "1", "account_name": "team-a", "region": "eu"}
    numbers = {"usage": 3.5, "limit": 5.0, "ceiling": 9.0}
    assert first == {**whose, **facts, **numbers, "service_code": "ec2", "quota_code": "L-1", "resource": "vpc-1"}
    assert second == {**whose, **facts, "usage": 0.0, "service_code": "ebs", "quota_code": "L-2", "resource": ""}


@pytest.mark.parametrize(
    ("query", "count"),
    [("", 5), ("provider=gcp", 1), ("account=2", 1), ("region=eu", 3), ("service_code=ebs", 1), ("account=1&region=us", 1)],
)
async def test_selected_quotas(query: str, count: int, site: Site) -> None:
    """The selectors of the metrics select quotas too, and `service_code` does."""
    for target in (Target("aws", "1", "eu"), Target("aws", "1", "us"), Target("aws", "2", "eu"), Target("gcp", "1", "eu-west1")):
        site.post(target, usages(target, 1))
    target = Target("aws", "1", "eu")
    site.post(target, [Reading(target, quota("L-2", "ebs"), USAGE, 1)], source="ebs")

    found = await site.json(f"/api/v1/quotas?{query}")

    assert len(found) == count


async def test_many_quotas(site: Site) -> None:
    """Thousands of quotas come whole, those before and after a selected one are no trouble."""
    target = Target("aws", "1", "eu")
    site.post(target, [*usages(target, 4999), Reading(target, quota("L-2", "ebs"), USAGE, 1), *usages(target, 6000)[4999:]])

    everything, one = await site.json("/api/v1/quotas"), await site.json("/api/v1/quotas?service_code=ebs")

    assert len({item["resource"] for item in everything}) == 6001
    assert [item["quota_code"] for item in one] == ["L-2"]


async def test_targets(cluster: Site) -> None:
    """Each source of each target is there, with its polls, and what failed with the permission that is missing."""
    found = {item["source"]: item for item in await cluster.json("/api/v1/targets")}

    assert found.keys() == {"discovery", "apiserver", "service_addresses", "nodes", "pods", "node_ports", "resource_quotas"}
    pods, nodes = found["pods"], found["nodes"]
    assert (nodes["provider"], nodes["account"], nodes["region"], nodes["errors"]) == ("kubernetes", "prod", "global", [])
    assert nodes["last_success"] == nodes["last_poll"] > 1.7e9
    assert nodes["series"] > 0
    assert pods["last_success"] is None
    (error,) = pods["errors"]
    assert (error["reason"], error["permission"], error["operation"]) == ("denied", "list pods", "GET /api/v1/pods")
    assert "cannot list resource" in error["message"]


@pytest.mark.parametrize(("query", "count"), [("source=pods", 1), ("account=prod", 7), ("region=global", 6), ("provider=aws", 0)])
async def test_selected_targets(query: str, count: int, cluster: Site) -> None:
    """Targets can be selected as quotas can, and by source."""
    found = await cluster.json(f"/api/v1/targets?{query}")

    assert len(found) == count


async def test_hostile_json(site: Site) -> None:
    """Whatever providers call things and answer, the JSON is valid and the words come back as they were."""
    target = Target("aws", HOSTILE, HOSTILE, HOSTILE)
    strange = Quota(HOSTILE, HOSTILE, HOSTILE, HOSTILE, "allocation")
    job = await asked(site, JobId(HOSTILE, target), lambda: answer([Denied(HOSTILE, operation=HOSTILE, permission=HOSTILE)]))
    site.post(target, [Reading(target, strange, USAGE, 1e300, HOSTILE)])

    (found,), (failed,) = await site.json("/api/v1/quotas"), await site.json("/api/v1/targets")

    assert [found[key] for key in ("account", "region", "resource", "quota_name", "unit")] == [HOSTILE] * 5
    assert failed["errors"] == [{"reason": "denied", "operation": HOSTILE, "permission": HOSTILE, "message": HOSTILE}]
    assert failed["source"] == job.source == HOSTILE


async def answer(found: list[Any]) -> list[Any]:
    """What a source brings home."""
    return found


async def asked(site: Site, job_id: JobId, ask: Callable[[], Awaitable[Iterable[Any]]]) -> JobId:
    """A job of the site's exporter, asked once."""

    def post(found: list[Reading], errors: Iterable[ApiError], now: float) -> tuple[ApiError, ...]:
        return site.exporter.board.post(job_id, found, errors, now)

    site.exporter.poller.replace({job_id: Job(job_id, ask, post, 60, 180)})
    await site.exporter.poller.once()
    return job_id


# Pages of the exporter itself


async def test_healthy(site: Site) -> None:
    """The process says that it is alive."""
    assert await site.text("/-/healthy") == "quota-exporter is healthy.\n"


async def test_ready_once_all_was_tried(cluster: Site, tmp_path: Path) -> None:
    """Ready comes with the first poll of every job, and stays when there are jobs again that were not tried."""
    config = tmp_path / "config.yaml"
    fresh = Exporter(config)
    await fresh.reload()

    async with site_of(fresh) as site:
        before, words, _ = await site.ask("/-/ready")
        await fresh.poller.once()
        after, _, _ = await site.ask("/-/ready")
        config.write_text(config.read_text().replace("prod", "other"))
        await fresh.reload()
        later, _, _ = await site.ask("/-/ready")

    assert (before, words) == (503, "Not every target was polled yet.\n")
    assert fresh.poller.ready() is False
    assert (after, later) == (200, 200)


async def test_ready_after_a_while(cluster: Site) -> None:
    """A target that does not answer holds up nobody for longer than two minutes; what is ready stays so."""
    poller, now = Exporter(cluster.exporter.path), [1000.0]
    await poller.reload()
    readiness = Readiness(poller.poller, clock=lambda: now[0])

    found = []
    for seconds in (0, READY_AFTER - 0.1, READY_AFTER, 0):
        now[0] = 1000 + seconds
        found.append(readiness.now())

    assert found == [False, False, True, True]


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_reload(method: str, cluster: Site, tmp_path: Path) -> None:
    """A good file is taken, by POST and by PUT."""
    config = tmp_path / "config.yaml"
    config.write_text(config.read_text().replace("prod", "other"))

    status, body, _ = await cluster.ask("/-/reload", method)

    assert (status, body) == (200, "Configuration reloaded.\n")
    assert {job.target.account for job in cluster.exporter.poller.paces} == {"other"}


BAD_FILES = [
    ("kubernetes: [{nam: x}]", "kubernetes[0].nam: unknown key; did you mean `name`?"),
    ("kubernetes: [{name: x, kubeconfig: /nowhere/kubeconfig}]", "/nowhere/kubeconfig: No such file"),
    ("a: [", "not YAML"),
]


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(("text", "words"), BAD_FILES)
async def test_bad_reload(method: str, text: str, words: str, cluster: Site, tmp_path: Path) -> None:
    """A bad file is refused with what is wrong in it; nothing changes but the metric, which comes back with a good one."""
    config = tmp_path / "config.yaml"
    good = config.read_text()
    jobs, quotas = dict(cluster.exporter.poller.paces), await cluster.json("/api/v1/quotas")

    config.write_text(text)
    status, body, _ = await cluster.ask("/-/reload", method)
    page = await cluster.text("/metrics")
    config.write_text(good)
    await cluster.ask("/-/reload", method)
    later = await cluster.text("/metrics")

    assert status == 400
    assert body.startswith("Nothing changed:\n")
    assert words in body
    assert cluster.exporter.poller.paces == jobs
    assert await cluster.json("/api/v1/quotas") == quotas
    assert "\nquota_exporter_config_last_reload_successful 0.0\n" in page
    assert "\nquota_exporter_config_last_reload_successful 1.0\n" in later


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/-/reload", 405),
        ("DELETE", "/-/reload", 405),
        ("POST", "/metrics", 405),
        ("POST", "/api/v1/quotas", 405),
        ("GET", "/nowhere", 404),
        ("GET", "/metrics/", 404),
        ("GET", "/-/", 404),
        ("GET", "/api/v1/../../etc/passwd", 404),
        ("GET", "/%00", 404),
    ],
)
async def test_not_there(method: str, path: str, status: int, site: Site) -> None:
    """What is not there is 404, and what is there but not for this method 405; a GET never reloads."""
    found, _, _ = await site.ask(path, method)

    assert found == status


async def test_landing(site: Site) -> None:
    """The landing page has the version and a link to each page that can be got."""
    page = await site.text("/")

    links = re.findall(r'href="([^"]*)"', page)
    assert set(links) == {"/metrics", *PAGES} - {"/-/reload"}
    assert [(await site.ask(link))[0] for link in links] == [200] * len(links)
    assert "Version 0." in page


async def test_landing_escapes() -> None:
    """Nothing that is put into the landing page can become a tag or an attribute."""
    async with site_of(Exporter(None), '/a&b"onclick="x<script>') as site:
        page = await site.text("/")

    assert "<script" not in page
    assert 'href="/a&amp;b&quot;onclick=&quot;x&lt;script&gt;"' in page


async def test_metrics_at_the_root() -> None:
    """With `/` as their path, the metrics are there in the place of the landing page."""
    async with site_of(Exporter(None), "/") as site:
        page = await site.text("/")

    assert "\nquota_exporter_build_info{" in page


@pytest.mark.parametrize("path", ["", "metrics", "/{", "/{x}", "/a b", "/a?b", "/ä", "//", "/a//b", *PAGES])
def test_bad_path(path: str) -> None:
    """A path at which nothing could be served, or something else is, is refused."""
    with pytest.raises(ConfigError, match=re.escape(repr(path))):
        check_path(path)


@pytest.mark.parametrize("path", ["/", "/metrics", "/metrics/", "/probe/v1.0/quota_exporter~x-y"])
async def test_good_path(path: str) -> None:
    """A path that is not refused is served."""
    check_path(path)
    async with site_of(Exporter(None), path) as site:
        page = await site.text(path)

    assert "\nquota_exporter_build_info{" in page


# Many at once


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
