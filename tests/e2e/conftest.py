"""What runs for all tests of this folder: the demo, an exporter whose numbers stand still, and a Prometheus."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import Any, NamedTuple

import pytest
import yaml

from quota_exporter.cli.demo import cluster as demo_cluster
from quota_exporter.demo.apiserver import Apiserver
from quota_exporter.providers import PROVIDERS
from tests.e2e.pages import Page, get
from tests.e2e.prometheus import Prometheus
from tests.e2e.relay import Relay
from tests.processes import EXPORTER, Program, eventually

SOURCES = tuple(source.name for provider in PROVIDERS if provider.name == "kubernetes" for source in provider.sources)
LOOPBACK = "--web.listen-address=127.0.0.1:0"

Run = Callable[[Coroutine[Any, Any, None]], None]


class Site(NamedTuple):
    """Something that runs and is asked over HTTP, without a path in its URL."""

    program: Program
    url: str

    def page(self, **headers: str) -> Page:
        """Its metrics."""
        return get(f"{self.url}/metrics", **headers)


class Standing(NamedTuple):
    """An exporter whose numbers stand still; relays that remember who asks it and what it answers.

    Attributes:
        relay: Passes on everything.
        plain_relay: Passes on everything but that its client knows OpenMetrics.
    """

    site: Site
    relay: Relay
    plain_relay: Relay


def demo_site(program: Program) -> Site:
    """The demo, by the URL it prints."""
    return Site(program, program.told(r"(http://\S+)/metrics +what Prometheus scrapes\n[^!]*Ctrl-C"))


def serve_site(program: Program) -> Site:
    """The exporter, by the URL it logs, once it answers: by then it knows what to do on a signal."""
    site = Site(program, program.told(r"serving (http://\S+)/metrics\b"))
    get(f"{site.url}/-/healthy")
    return site


@pytest.fixture(scope="session")
def run() -> Iterator[Run]:
    """Runs what is async in a thread beside the tests, where servers that it starts go on."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield lambda coroutine: asyncio.run_coroutine_threadsafe(coroutine, loop).result(30)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """`quota-exporter demo`."""
    with Program(tmp_path_factory.mktemp("demo") / "output", *EXPORTER, "demo", LOOPBACK) as program:
        site = demo_site(program)
        eventually(partial(_complete, site))
        yield site


@pytest.fixture(scope="session")
def standing(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    """`quota-exporter serve` with the demo's configuration, against a cluster that stands still and is polled once."""
    folder = tmp_path_factory.mktemp("standing")
    cluster = Apiserver()
    run(cluster.start())
    entry = demo_cluster(cluster.kubeconfig(folder)) | {"sources": {name: {"interval": "1h"} for name in SOURCES}}
    (folder / "config.yaml").write_text(yaml.safe_dump({"kubernetes": [entry]}))
    command = (*EXPORTER, "serve", f"--config.file={folder / 'config.yaml'}", LOOPBACK)
    with Program(folder / "output", *command) as program:
        site = serve_site(program)
        eventually(partial(_complete, site))
        relays = Relay(site.url), Relay(site.url, hidden=b"application/openmetrics-text")
        for relay in relays:
            run(relay.start())
        yield Standing(site, *relays)
        for relay in relays:
            run(relay.stop())
    run(cluster.stop())


def _complete(site: Site) -> bool:
    """Whether everything of the cluster was polled with success, and rendered."""
    before = site.page().values("quota_exporter_api_calls_total", provider="kubernetes")
    time.sleep(0.2)
    page = site.page()
    succeeded = page.values("quota_exporter_poll_success", provider="kubernetes")
    return succeeded == [1.0] * (len(SOURCES) + 1) and before == page.values(
        "quota_exporter_api_calls_total", provider="kubernetes"
    )


@pytest.fixture(scope="session")
def prometheus(demo: Site, standing: Standing, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A real Prometheus that scrapes both each second; `standing` and `plain` through the relays."""
    folder = tmp_path_factory.mktemp("prometheus")
    urls = {"demo": demo.url, "standing": standing.relay.url, "plain": standing.plain_relay.url}
    jobs = [
        {
            "job_name": name,
            # Nobody's labels are in the way of ours even where somebody forgets it.
            "honor_labels": name != "plain",
            "static_configs": [{"targets": [url.removeprefix("http://")]}],
        }
        for name, url in urls.items()
    ]
    config = folder / "prometheus.yml"
    config.write_text(yaml.safe_dump({"global": {"scrape_interval": "1s"}, "scrape_configs": jobs}))
    command = ("prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}", LOOPBACK)
    with Program(folder / "output", *command, "--scrape.discovery-reload-interval=100ms") as program:
        found = Prometheus("http://" + program.told(r'msg="Listening on" address=(127\.0\.0\.1:[1-9]\d*)'))
        program.told("(Server is ready to receive web requests)")
        eventually(lambda: found.by_job("up == 1").keys() == urls.keys())
        yield found
