"""The web side over real HTTP: formats, encodings, the exporter's own pages, readiness and reload."""

import gzip
import re
from collections import Counter
from pathlib import Path

import pytest

from quota_exporter.cli.exporter import Exporter
from quota_exporter.errors import ConfigError
from quota_exporter.exposition import CONTENT_TYPES
from quota_exporter.families import FAMILIES
from quota_exporter.model import Target
from quota_exporter.web.app import PAGES, READY_AFTER, Readiness, check_path
from tests.sites import PROMETHEUS_2_42, PROMETHEUS_3, Site, families, site_of, usages

TEXT = CONTENT_TYPES["text"]
OPENMETRICS = CONTENT_TYPES["openmetrics"]

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
