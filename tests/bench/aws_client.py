"""Pages of Service Quotas and points of CloudWatch, by our api or by boto3 in threads; and making clients. A process."""

import asyncio
import itertools
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import boto3
import psutil

from quota_exporter.budget import Budget
from quota_exporter.model import Target
from quota_exporter.providers.aws.api import AwsApi
from quota_exporter.providers.aws.catalog import shipped
from quota_exporter.providers.aws.discovery import opened
from quota_exporter.providers.aws.limits import APPLIED
from quota_exporter.providers.aws.metrics import DATA
from tests.bench.aws_fleet import REGIONS, account, environment, thin
from tests.bench.control import obey, tell

AT_ONCE = 64
ACCOUNTS = 16
QUERIES = 500
END = 1_790_000_000
SERVICES = sorted({row.service for row in shipped().quotas})

METRICS = [
    {
        "Id": f"q{number}",
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/Usage",
                "MetricName": "CallCount",
                "Dimensions": [{"Name": "Type", "Value": "API"}, {"Name": "Resource", "Value": f"Get{number}"}],
            },
            "Period": 300,
            "Stat": "Maximum",
        },
        "ReturnData": True,
    }
    for number in range(QUERIES)
]

Took = tuple[float, float]
"""Seconds and CPU."""


class Ours:
    """The api of some accounts, with budgets that bound nothing."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        connection = opened(thin(ACCOUNTS, calls_per_second=1e6), Budget())
        found = self._loop.run_until_complete(connection.targets())
        self._apis = [connection.api(target) for target in found if isinstance(target, Target) and target.region in REGIONS]

    def quotas(self, pages: float) -> Took:
        """Reads pages of Service Quotas."""
        numbers = iter(range(int(pages)))

        async def ask(api: AwsApi) -> None:
            for number in numbers:
                service = SERVICES[number % len(SERVICES)]
                async for page in api.pages(APPLIED, ServiceCode=service, MaxResults=100):
                    assert len(page["Quotas"]) == 100

        return self._timed(ask)

    def points(self, calls: float) -> Took:
        """Reads points of 500 metrics per call."""
        numbers = iter(range(int(calls)))

        async def ask(api: AwsApi) -> None:
            for _ in numbers:
                async for page in api.pages(DATA, MetricDataQueries=METRICS, StartTime=END - 1800, EndTime=END):
                    assert len(page["MetricDataResults"]) == QUERIES

        return self._timed(ask)

    def _timed(self, ask: Callable[[AwsApi], Any]) -> Took:
        async def several() -> None:
            await asyncio.gather(*(ask(api) for api, _ in zip(itertools.cycle(self._apis), range(AT_ONCE), strict=False)))

        began, cpu = time.perf_counter(), time.process_time()
        self._loop.run_until_complete(several())
        return time.perf_counter() - began, time.process_time() - cpu


class Theirs:
    """boto3 in threads: one session, a client per service and region, which all threads share."""

    def __init__(self) -> None:
        session = boto3.Session()
        self._threads = ThreadPoolExecutor(AT_ONCE)
        self._quotas = [session.client("service-quotas", region_name=region) for region in REGIONS]
        self._points = [session.client("cloudwatch", region_name=region) for region in REGIONS]

    def quotas(self, pages: float) -> Took:
        """Reads pages of Service Quotas."""

        def ask(number: int) -> None:
            lister = self._quotas[number % len(REGIONS)].get_paginator("list_service_quotas")
            for page in lister.paginate(ServiceCode=SERVICES[number % len(SERVICES)], MaxResults=100):
                assert len(page["Quotas"]) == 100

        return self._timed(ask, pages)

    def points(self, calls: float) -> Took:
        """Reads points of 500 metrics per call."""
        start, end = (datetime.fromtimestamp(at, UTC) for at in (END - 1800, END))

        def ask(number: int) -> None:
            lister = self._points[number % len(REGIONS)].get_paginator("get_metric_data")
            for page in lister.paginate(MetricDataQueries=METRICS, StartTime=start, EndTime=end):
                assert len(page["MetricDataResults"]) == QUERIES

        return self._timed(ask, calls)

    def _timed(self, ask: Callable[[int], None], times: float) -> Took:
        began, cpu = time.perf_counter(), time.process_time()
        list(self._threads.map(ask, range(int(times))))
        return time.perf_counter() - began, time.process_time() - cpu


def naive(accounts: float) -> tuple[float, float]:
    """Seconds and MB of a session per account, with a client of Service Quotas per region."""
    kept = []
    before, began = _rss(), time.perf_counter()
    for _ in range(int(accounts)):
        session = boto3.Session(aws_access_key_id="key", aws_secret_access_key="secret")
        kept.append([session, *(session.client("service-quotas", region_name=region) for region in REGIONS)])
    return time.perf_counter() - began, _rss() - before


def shared(accounts: float) -> tuple[float, float]:
    """The same of our connection: its clients, and the api of every account and region."""
    before, began = _rss(), time.perf_counter()
    connection = opened(thin(int(accounts)), Budget())
    kept = [connection.api(Target("aws", account(number), region)) for number in range(int(accounts)) for region in REGIONS]
    for region in REGIONS:
        connection.clients.client("service-quotas", region)
    took = time.perf_counter() - began, _rss() - before
    assert kept
    return took


def _rss() -> float:
    return psutil.Process().memory_info().rss / 1e6


if __name__ == "__main__":
    environment(int(sys.argv[1]))
    if sys.argv[2] == "clients":
        # The first client of a process loads what all have in common.
        boto3.Session().client("service-quotas", region_name=REGIONS[0])
        tell("ready")
        obey({"naive": naive, "shared": shared})
    else:
        side = Ours() if sys.argv[2] == "ours" else Theirs()
        tell("ready")
        obey({"quotas": side.quotas, "points": side.points})
