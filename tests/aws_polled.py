"""An exporter without a web that polls the embedded AWS, and what it exports then."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from quota_exporter.budget import Budget
from quota_exporter.cli.exporter import Exporter, configuration
from quota_exporter.demo.aws.server import ACCOUNT, Aws
from quota_exporter.errors import ApiError
from quota_exporter.exposition import identity_body
from quota_exporter.families import LIMIT, USAGE, Family
from quota_exporter.model import Quota, Reading, Target
from quota_exporter.providers.aws.discovery import AwsConnection, opened
from quota_exporter.providers.aws.resources import Shown
from quota_exporter.providers.aws.settings import Account
from quota_exporter.providers.aws.sources import SOURCES

REGION = "eu-west-1"
REGIONS = (
    "us-east-1", "us-east-2", "us-west-1", "us-west-2", "eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1", "eu-north-1",
    "eu-south-1", "ap-east-1", "ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-1", "ap-southeast-2",
    "ca-central-1", "me-south-1", "sa-east-1", "af-south-1",
)  # fmt: skip
SOURCES_BY_NAME = {source.name: source for source in SOURCES}

Code = tuple[str, str]
Json = dict[str, Any]


class Place(NamedTuple):
    """Where a series of quotas belongs to."""

    family: str
    service: str
    quota: str
    account: str
    region: str
    resource: str


class Samples:
    """What is exported.

    Attributes:
        places: Quotas.
        info: Labels of `quota_info` by service and quota, of whichever place came last.
        others: All other series, by name and labels.
        failures: What failed, by source, account and region.
    """

    def __init__(self, exporter: Exporter):
        self.places: dict[Place, float] = {}
        self.info: dict[Code, dict[str, str]] = {}
        self.others: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
        self.failures: dict[tuple[str, str, str], list[ApiError]] = {
            (job.source, job.target.account, job.target.region): list(entry.errors)
            for job, entry in exporter.board.entries.items()
            if entry.errors
        }
        for _ in exporter.board.settle():
            pass
        self.text = b"".join(identity_body(exporter.board.segments("text"))).decode()
        for family in text_string_to_metric_families(self.text):
            for name, labels, value, *_ in family.samples:
                self._add(name, labels, value)

    def _add(self, name: str, labels: dict[str, str], value: float) -> None:
        if name == "quota_info":
            self.info[labels["service_code"], labels["quota_code"]] = labels
        elif "quota_code" in labels:
            code, target = (labels["service_code"], labels["quota_code"]), (labels["account"], labels["region"])
            self.places[Place(name, *code, *target, labels.get("resource", ""))] = value
        else:
            self.others[name, frozenset(labels.items())] = value

    def of(self, family: str, code: Code, **wanted: str) -> dict[str, float]:
        """Values of a quota by resource; of one account or region where `wanted` says so."""
        return {
            place.resource: value
            for place, value in self.places.items()
            if (place.family, place.service, place.quota) == (family, *code)
            and all(getattr(place, name) == told for name, told in wanted.items())
        }

    def series(self, name: str, **wanted: str) -> dict[frozenset[tuple[str, str]], float]:
        """Series that are no quotas, by their labels, those that have some labels."""
        return {labels: v for (family, labels), v in self.others.items() if family == name and wanted.items() <= labels}


@asynccontextmanager
async def exporter_of(aws: Aws, folder: Path, **entry: Any) -> AsyncIterator[Exporter]:
    """An exporter with one entry of the config, whose environment leads to the embedded AWS; polls nothing yet."""
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump({"aws": [{"calls_per_second": 10_000, "most_resources": 1000} | entry]}))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in aws.environment().items():
            patch.setenv(name, value)
        exporter = Exporter(config)
        await exporter.load(configuration(config))
        try:
            yield exporter
        finally:
            await exporter.plan.close()


async def polled(aws: Aws, folder: Path, **entry: Any) -> Samples:
    """Polls everything once."""
    async with exporter_of(aws, folder, **entry) as exporter:
        await exporter.poller.once()
        return Samples(exporter)


class Found:
    """What a source brought home.

    Attributes:
        readings: What it read.
        errors: What failed.
    """

    def __init__(self, answer: Iterable[Reading | ApiError]):
        answer = list(answer)
        self.readings = [item for item in answer if isinstance(item, Reading)]
        self.errors = [item for item in answer if isinstance(item, ApiError)]

    def of(self, family: Family, quota: str) -> dict[str, float]:
        """Values of a quota by resource."""
        return {r.resource: r.value for r in self.readings if r.measure is family and _code(r) == quota}

    def usage(self, quota: str) -> dict[str, float]:
        """How much of a quota is used, by resource."""
        return self.of(USAGE, quota)

    def limit(self, quota: str) -> dict[str, float]:
        """Limits of a quota, by resource."""
        return self.of(LIMIT, quota)

    def source(self, quota: str) -> str:
        """Who told the limit of a quota."""
        return next(r.quota.limit_source for r in self.readings if isinstance(r.quota, Quota) and _code(r) == quota)


def _code(reading: Reading) -> str:
    return reading.quota.quota_code if isinstance(reading.quota, Quota) else ""


class Answers:
    """An api that answers what was written down: pages by call; no quotas and no metrics where nothing was."""

    def __init__(self, **pages: list[Json]):
        self.account = Account(most_resources=1000)
        self.budget = Budget()
        self.target, self.region = Target("aws", ACCOUNT, REGION), REGION
        self.shown = Shown(1000, self.budget.clock)
        self.kept: dict[str, Any] = {}
        self._pages: dict[str, list[Json]] = {"service-quotas": [{"Quotas": []}], "ListMetrics": [{"Metrics": []}]}
        self._pages |= pages

    def now(self) -> float:
        """Always the same."""
        return 1_800_000_000.0

    async def pages(self, call: str, /, **params: Any) -> AsyncIterator[Json]:
        """What is written down under the name of the operation, or of the service."""
        service, _, operation = call.partition(".")
        for page in self._pages[operation if operation in self._pages else service]:
            yield page

    async def call(self, call: str, /, **params: Any) -> Json:
        """The first page."""
        return await anext(self.pages(call, **params))

    async def cached(self, question: object, ask: Callable[[], Awaitable[Any]], every: float) -> Any:
        """Asks every time."""
        return await ask()

    async def ask(self, source: str) -> Found:
        """Asks a source."""
        return Found(await SOURCES_BY_NAME[source].ask(self, self.target))


@dataclass
class Asking:
    """Asks sources over HTTP, as the poller would, through one connection for many tests: each has a region to itself."""

    aws: Aws
    connection: AwsConnection
    _regions: Iterator[str] = field(default_factory=lambda: iter(REGIONS))

    def place(self) -> "Here":
        """A region where nobody was before."""
        return Here(self, next(self._regions))


@dataclass
class Here:
    """A region of the embedded AWS."""

    asking: Asking
    region: str

    @property
    def aws(self) -> Aws:
        """Where it is."""
        return self.asking.aws

    def client(self, service: str) -> Any:
        """A client for seeding."""
        return self.aws.client(service, self.region)

    def quota(self, service: str, code: str, name: str = "", **fields: Any) -> None:
        """Sets a quota."""
        self.aws.set_quota(ACCOUNT, self.region, service, code, name or code, **fields)

    def points(self, metric: Json, *points: tuple[float, float]) -> None:
        """Writes points of a usage metric: seconds before now, and value."""
        named = (metric["MetricNamespace"], metric["MetricName"], metric["MetricDimensions"])
        self.aws.put_metric(ACCOUNT, self.region, *named, points=[(time.time() - ago, value) for ago, value in points])

    async def ask(self, source: str) -> Found:
        """Asks a source, which remembers nothing of what was asked before."""
        target = Target("aws", ACCOUNT, self.region)
        return Found(await SOURCES_BY_NAME[source].ask(self.asking.connection._asking(target), target))


@asynccontextmanager
async def asking(aws: Aws) -> AsyncIterator[Asking]:
    """A connection to the embedded AWS."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in aws.environment().items():
            patch.setenv(name, value)
        account = Account.model_validate({"calls_per_second": 10_000, "most_resources": 1000})
        connection = opened(account, Budget(attempts=1))
        try:
            yield Asking(aws, connection)
        finally:
            await connection.close()
