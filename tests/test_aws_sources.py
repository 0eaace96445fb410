"""The sources of AWS that are more than rows: counters from windows, control planes, requests, reports, and what is left out."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from quota_exporter.budget import Budget
from quota_exporter.demo.aws.server import ACCOUNT, Aws
from quota_exporter.errors import ApiError
from quota_exporter.families import (
    API_REQUESTS,
    API_THROTTLED,
    CEILING,
    INCREASE_REQUEST,
    INCREASE_REQUEST_CREATED,
    LIMIT,
    OMITTED_QUOTAS,
    OMITTED_RESOURCES,
    USAGE,
    Family,
)
from quota_exporter.model import Target
from quota_exporter.providers.aws import discovered, eks, report, requests, subnets, throttling
from quota_exporter.providers.aws.api import AwsApi
from quota_exporter.providers.aws.discovery import AwsConnection, opened
from quota_exporter.providers.aws.resources import Shown
from quota_exporter.providers.aws.settings import Account
from quota_exporter.source import Source

REGION = "eu-west-1"
TARGET = Target("aws", ACCOUNT, REGION)
GLOBAL = Target("aws", ACCOUNT, "global")
START = 1_790_000_040.0
"""A whole minute."""


class Clock:
    """Seconds since 1970 that pass when a test says so."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        """Now."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The time of the embedded AWS and of who asks it."""
    return Clock()


@pytest.fixture
def aws(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """An embedded AWS, which the environment leads to."""
    with Aws(clock) as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        yield running


class Asker:
    """Asks sources of one account, again and again."""

    def __init__(self, clock: Clock, **entry: Any):
        self.connection: AwsConnection = opened(Account(calls_per_second=10_000, **entry), Budget(clock=clock))
        self.clock = clock

    def api(self, target: Target) -> AwsApi:
        """The api of a target, by the clock of the test."""
        api = self.connection.api(target)
        api.now = self.clock
        return api

    async def ask(self, source: Source[Any], target: Target = TARGET) -> dict[tuple[Family, str, str], float]:
        """The readings of a source: by family, quota or operation (with status or reason), and resource; nothing may fail."""
        found: dict[tuple[Family, str, str], float] = {}
        for reading in await source.ask(self.api(target), target):
            assert not isinstance(reading, ApiError), reading
            of = reading.quota
            words = [getattr(of, name, "") for name in ("quota_code", "operation", "status", "reason")]
            found[reading.measure, " ".join(filter(None, words)), reading.resource] = reading.value
        return found


@pytest.fixture
async def asker_of(aws: Aws, clock: Clock) -> AsyncIterator[Callable[..., Asker]]:
    """Makes askers with settings; closes their connections in the end."""
    made: list[Asker] = []

    def make(**entry: Any) -> Asker:
        made.append(Asker(clock, **entry))
        return made[-1]

    yield make
    for asker in made:
        await asker.connection.close()


Make = Callable[..., Asker]


def metric(aws: Aws, namespace: str, name: str, points: list[tuple[float, float]], **dimensions: str) -> None:
    """Adds points to a metric."""
    aws.put_metric(ACCOUNT, REGION, namespace, name, dimensions, points=points)


CALLS = {"Service": "CloudWatch", "Type": "API", "Resource": "ListMetrics", "Class": "None"}


async def test_counters_count_once(aws: Aws, clock: Clock, asker_of: Make) -> None:
    """Minutes before the first poll are not counted, others once: late ones too, and those of a time when nobody polled."""
    asker = asker_of()
    metric(aws, "AWS/Usage", "ThrottleCount", [(START - 600, 5)], **CALLS)
    key = (API_THROTTLED, "ListMetrics ThrottleCount", "")

    first = await asker.ask(throttling.THROTTLING)
    metric(aws, "AWS/Usage", "ThrottleCount", [(START + 60, 2), (START + 120, 3)], **CALLS)
    clock.now += 300
    second = await asker.ask(throttling.THROTTLING)
    again = await asker.ask(throttling.THROTTLING)
    # The first came late, after its time was read.
    metric(aws, "AWS/Usage", "ThrottleCount", [(START + 180, 10), (START + 360, 7)], **CALLS)
    clock.now += 3 * 3600 - 360
    third = await asker.ask(throttling.THROTTLING)

    assert [found[key] for found in (first, second, again)] == [0, 5, 5]
    assert third[key] == 22


async def test_counter_is_seen_before_it_grows(aws: Aws, clock: Clock, asker_of: Make) -> None:
    """A counter that appears with its first increase is told as 0, and the increase with the next poll."""
    asker = asker_of()
    key = (API_REQUESTS, "ListMetrics", "")

    before = await asker.ask(throttling.REQUESTS)
    metric(aws, "AWS/Usage", "CallCount", [(START + 60, 4)], **CALLS)
    clock.now += 1860
    first = await asker.ask(throttling.REQUESTS)
    clock.now += 300
    second = await asker.ask(throttling.REQUESTS)

    assert (before, first, second) == ({}, {key: 0}, {key: 4})


async def test_metric_that_comes_late(aws: Aws, clock: Clock, asker_of: Make) -> None:
    """What was counted before a metric was listed, or listed again, is read when it is, and once."""
    asker = asker_of()
    key = (API_REQUESTS, "ListMetrics", "")

    await asker.ask(throttling.REQUESTS)
    for age in range(300, 1801, 300):
        clock.now = START + age
        await asker.ask(throttling.REQUESTS)
    # Listed only after the search is old enough to be repeated, though it has counted for half an hour.
    metric(aws, "AWS/Usage", "CallCount", [(START + 60, 4), (START + 1500, 5)], **CALLS)
    totals = []
    for age in (3700, 4000, 40_000):
        clock.now = START + age
        totals.append((await asker.ask(throttling.REQUESTS))[key])
    metric(aws, "AWS/Usage", "CallCount", [(START + 40_060, 7)], **CALLS)
    clock.now = START + 45_000
    totals.append((await asker.ask(throttling.REQUESTS))[key])

    assert totals == [0, 9, 9, 16]


async def test_control_plane(aws: Aws, clock: Clock, asker_of: Make) -> None:
    """Size of etcd, the most seats and refused requests of each cluster, but for one that is polled directly."""
    for cluster in ("prod", "direct"):
        metric(aws, "AWS/EKS", eks.STORAGE, [(START - 120, 2e9), (START - 60, 3e9)], ClusterName=cluster)
        metric(aws, "AWS/EKS", eks.SEATS, [(START - 180, 40), (START - 60, 7)], ClusterName=cluster)
        metric(aws, "AWS/EKS", eks.REFUSED, [(START - 60, 1)], ClusterName=cluster)
    asker = asker_of(polled_clusters=["direct"])

    found = await asker.ask(eks.SOURCE)

    assert found == {
        (USAGE, "etcd-database-size", "prod"): 3e9,
        (LIMIT, "etcd-database-size", "prod"): 8 << 30,
        (CEILING, "etcd-database-size", "prod"): 8 << 30,
        (USAGE, "apiserver-seats", "prod"): 40,
        (API_THROTTLED, "cluster=prod 429", ""): 0,
    }


async def test_increase_requests(aws: Aws, clock: Clock, asker_of: Make) -> None:
    """The newest request of each quota, with one of four statuses; closed ones for a week; nobody's name; global ones once."""
    aws.page_size = 1
    aws.set_quota("*", "*", "vpc", "L-1", "One", value=5)
    aws.set_quota("*", "*", "iam", "L-9", "Global", value=5, global_quota=True)
    for code, desired, status, age in (
        ("L-1", 10, "DENIED", 3 * 86_400),
        ("L-1", 20, "CASE_OPENED", 60),
        ("L-2", 30, "NOT_APPROVED", 6 * 86_400),
        ("L-3", 40, "APPROVED", 8 * 86_400),
        ("L-4", 50, "INVALID_REQUEST", 60),
    ):
        clock.now = START - age
        aws.quotas.request(ACCOUNT, REGION, "vpc", code, desired, Status=status)
    clock.now = START
    aws.quotas.request(ACCOUNT, "us-east-1", "iam", "L-9", 60)
    asker = asker_of()

    found = await asker.ask(requests.SOURCE)
    shared = await asker.ask(requests.SOURCE, GLOBAL)

    assert found == {
        (INCREASE_REQUEST, "L-1 pending", ""): 20,
        (INCREASE_REQUEST_CREATED, "L-1", ""): START - 60,
        (INCREASE_REQUEST, "L-2 denied", ""): 30,
        (INCREASE_REQUEST_CREATED, "L-2", ""): START - 6 * 86_400,
        (INCREASE_REQUEST, "L-4 closed", ""): 50,
        (INCREASE_REQUEST_CREATED, "L-4", ""): START - 60,
    }
    assert shared == {(INCREASE_REQUEST, "L-9 pending", ""): 60, (INCREASE_REQUEST_CREATED, "L-9", ""): START}


async def test_discovered(aws: Aws, clock: Clock, asker_of: Make) -> None:
    """What the catalogue does not have, as far as the config selects it; how many are over the cap is said."""
    for number in range(5):
        aws.set_quota("*", "*", "sagemaker", f"L-{number}", f"ml.g{number} GPU", value=number, adjustable=number > 0)
    aws.set_quota("*", "*", "sagemaker", "L-X", "Something else", value=1)
    aws.set_quota("*", "*", "sagemaker", "L-G", "GPU of all regions", value=9, global_quota=True)
    aws.set_quota("*", "*", "vpc", "L-F678F1CE", "VPCs per Region", value=5)
    asker = asker_of(discover={"services": ["sagemaker", "vpc"], "quotas": ["*GPU*", "L-F*"], "most": 3})

    found = await asker.ask(discovered.SOURCE)
    shared = await asker.ask(discovered.SOURCE, GLOBAL)

    assert shared == {(LIMIT, "L-G", ""): 9}
    assert found == {
        (LIMIT, "L-0", ""): 0,
        (CEILING, "L-0", ""): 0,
        (LIMIT, "L-1", ""): 1,
        (LIMIT, "L-2", ""): 2,
        (OMITTED_QUOTAS, "", ""): 2,
    }


async def test_utilization_report(aws: Aws, clock: Clock, asker_of: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Usage of what AWS measures is its percentage of the limit; what the catalogue tells is left to it."""
    monkeypatch.setattr(report, "PAUSE", 0.01)
    aws.set_quota("*", "*", "glue", "L-1", "Jobs", value=200, adjustable=False)
    aws.set_quota("*", "*", "ec2", "L-1216C47A", "vCPUs", value=100)
    aws.quotas.reports.percent = {("*", "*", "glue", "L-1"): 25, ("*", "*", "ec2", "L-1216C47A"): 50}

    found = await asker_of().ask(report.SOURCE)

    assert found == {(USAGE, "L-1", ""): 50, (LIMIT, "L-1", ""): 200, (CEILING, "L-1", ""): 200}


async def test_fullest_resources(aws: Aws, clock: Clock, asker_of: Make) -> None:
    """Of many subnets the fullest are shown, and how many are not."""
    client = aws.client("ec2", REGION)
    vpc = client.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    made = [client.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/28")["Subnet"]["SubnetId"] for n in range(12)]
    for _ in range(9):
        client.create_network_interface(SubnetId=made[11])

    found = await asker_of(most_resources=2).ask(subnets.SOURCE)

    assert found[USAGE, "subnet-ipv4-addresses", made[11]] == 9
    assert found[LIMIT, "subnet-ipv4-addresses", made[11]] == found[CEILING, "subnet-ipv4-addresses", made[11]] == 11
    assert sum(family is USAGE and quota == "subnet-ipv4-addresses" for family, quota, _ in found) == 2
    # The default VPC has three subnets.
    assert found[OMITTED_RESOURCES, "subnet-ipv4-addresses", ""] == 13
    assert found[USAGE, "vpc-subnet-ipv4-addresses", vpc] == 9
    assert found[LIMIT, "vpc-subnet-ipv4-addresses", vpc] == 12 * 11
    assert found[USAGE, "vpc-ipv4-addresses", vpc] == 12 * 16
    assert found[LIMIT, "vpc-ipv4-addresses", vpc] == 65_536


def test_shown_resources_are_sticky() -> None:
    """A resource once shown stays until it was below half for a day; all that are close are shown; what is gone is gone."""
    now = [0.0]
    shown = Shown(1, lambda: now[0])

    first = shown.choose("quota", {"a": 0.6, "b": 0.2, "c": 0.1})
    close = shown.choose("quota", {"a": 0.6, "b": 0.8, "c": 0.75})
    now[0] = 3600.0
    calmed = shown.choose("quota", {"a": 0.1, "b": 0.3, "c": 0.2})
    now[0] = 86_399
    still = shown.choose("quota", {"a": 0.1, "b": 0.3, "c": 0.2})
    now[0] = 86_401
    calm = shown.choose("quota", {"a": 0.1, "b": 0.3, "c": 0.2})
    gone = shown.choose("quota", {"c": 0.2})

    assert first == {"a"}
    assert close == calmed == still == {"a", "b", "c"}
    assert (calm, gone) == ({"b"}, {"c"})
