"""What faults of AWS do: to the account, Region and service that has them, and to no other."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from quota_exporter.cli.exporter import Exporter
from quota_exporter.demo.aws.calls import Call
from quota_exporter.demo.aws.faults import Denied, Expired, Hangs, Malformed, Throttled
from quota_exporter.demo.aws.organization import Member
from quota_exporter.demo.aws.server import ACCOUNT, Aws
from quota_exporter.errors import ApiError
from quota_exporter.providers.aws.sources import SOURCES
from tests.aws_polled import Here, Samples, asking, exporter_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP, DATA, SANDBOX = "111111111111", "222222222222", "333333333333"
NAMES = {"shop": SHOP, "data": DATA, "sandbox": SANDBOX}
HERE, THERE = "eu-west-1", "eu-central-1"
PLACES = (HERE, THERE, "global")
VPCS = ("vpc", "L-F678F1CE")
SECRETS = ("secretsmanager", "L-2F66C23C")

PUBLISHED = {"service-quotas": (10, 10), "route53": (5, 5), "cloudwatch": (25, 25), "ec2": (20, 50)}
"""Calls per second and at once; of service-quotas and cloudwatch per operation."""


def only(*names: str) -> dict[str, dict[str, bool]]:
    """Settings that leave only some sources on."""
    return {source.name: {"enabled": source.name in names} for source in SOURCES}


def organization_of(aws: Aws, **members: Member) -> dict[str, Any]:
    """Makes an organization; returns the entry of the config that polls it."""
    aws.organization({name: members.get(name, Member(number)) for name, number in NAMES.items()})
    aws.set_quota("*", "*", *VPCS, "VPCs per Region", value=5)
    for number, account in enumerate(NAMES.values()):
        client = aws.client("ec2", HERE, account)
        for _ in range(number):
            client.create_vpc(CidrBlock="10.0.0.0/16")
    return {"organization": {"role": "quota-exporter", "exclude": [ACCOUNT]}, "regions": [HERE, THERE]}


async def until(true: Callable[[], bool]) -> None:
    """Waits for something, a minute at most."""
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 - nobody sets an event when a job was tried
            await asyncio.sleep(0.05)


def tried(exporter: Exporter, account: str, region: str) -> bool:
    """Whether every job of a target was tried, and there are some."""
    jobs = [
        entry for job, entry in exporter.board.entries.items() if (job.target.account, job.target.region) == (account, region)
    ]
    return bool(jobs) and all(entry.tried is not None for entry in jobs)


async def poll_again(exporter: Exporter) -> None:
    """Polls everything once more."""
    await asyncio.gather(*(exporter.poller._poll(pace) for pace in list(exporter.poller.paces.values())))


# Accounts and Regions.


async def test_faults_stay_where_they_are(tmp_path: Path) -> None:
    """One account denies, one Region throttles, one hangs: all others are told, while the hanging one is still waited for."""
    async with Aws() as aws:
        entry = organization_of(aws)
        aws.faults.extend(
            [
                Denied(account=DATA),
                Throttled(account=SANDBOX, region=THERE),
                Hangs(account=SHOP, region=THERE),
            ]
        )
        sources = only("vpc", "secretsmanager", "s3")
        async with exporter_of(aws, tmp_path, sources=sources, **entry) as exporter:
            exporter.budget.attempts = 2
            polling = asyncio.create_task(exporter.poller.once())
            hanging = (SHOP, THERE)
            places = [(account, place) for account in NAMES.values() for place in PLACES if (account, place) != hanging]
            await until(lambda: all(tried(exporter, *place) for place in places))
            samples = Samples(exporter)
            still_hanging = not tried(exporter, *hanging)
            polling.cancel()
            await asyncio.gather(polling, return_exceptions=True)
            # Threads of the hanging calls end with the server.
            aws.front.stopped.set()

    assert still_hanging
    healthy = {(SHOP, HERE), (SHOP, "global"), (SANDBOX, HERE), (SANDBOX, "global")}
    assert {(account, region) for _, account, region in samples.failures}.isdisjoint(healthy)
    for account, region in healthy:
        assert set(samples.series("quota_exporter_poll_success", account=account, region=region).values()) == {1.0}
    assert samples.of("quota_usage", VPCS, account=SHOP, region=HERE) == {"": 1}
    assert samples.of("quota_usage", VPCS, account=SANDBOX, region=HERE) == {"": 3}
    assert samples.of("quota_usage", VPCS, account=DATA) == {}
    assert samples.of("quota_usage", VPCS, account=SANDBOX, region=THERE) == {}
    assert reasons(samples, "secretsmanager", SANDBOX, THERE) == {"throttled"}
    assert permissions(samples, "secretsmanager", DATA) == {
        "secretsmanager:ListSecrets",
        "servicequotas:ListAWSDefaultServiceQuotas",
    }
    assert permissions(samples, "s3", DATA) == {"s3:ListAllMyBuckets", "servicequotas:ListAWSDefaultServiceQuotas"}
    assert {"ec2:DescribeVpcs", "ec2:DescribeManagedPrefixLists"} <= permissions(samples, "vpc", DATA)


def reasons(samples: Samples, source: str, account: str, region: str) -> set[str]:
    """Why polls of a source failed."""
    found = samples.series("quota_exporter_poll_failure_reason", source=source, account=account, region=region)
    return {dict(labels)["reason"] for labels in found}


def permissions(samples: Samples, source: str, account: str) -> set[str]:
    """The missing permissions that are named on metrics."""
    found = samples.series("quota_exporter_poll_failure_reason", source=source, account=account, reason="denied")
    return {dict(labels)["permission"] for labels in found}


async def test_an_account_without_the_role(tmp_path: Path) -> None:
    """It cannot be entered, and says so; others can."""
    async with Aws() as aws:
        entry = organization_of(aws, data=Member(DATA, role=""))
        async with exporter_of(aws, tmp_path, sources=only("s3"), **entry) as exporter:
            await exporter.poller.once()
            samples = Samples(exporter)

    assert permissions(samples, "s3", DATA) == {"sts:AssumeRole"}
    assert {account for _, account, _ in samples.failures} == {DATA}
    assert samples.of("quota_usage", ("s3", "L-DC2B2D3D"), account=SHOP) == {"": 0}


async def test_expired_keys_of_a_role_are_renewed_at_once(tmp_path: Path) -> None:
    """Where AWS refuses keys before their time, the role is assumed again within the same call."""
    async with Aws() as aws:
        entry = organization_of(aws)
        sources = only("vpc", "secretsmanager", "dynamodb")
        async with exporter_of(aws, tmp_path, sources=sources, **(entry | {"regions": [HERE]})) as exporter:
            await exporter.poller.once()
            old = {call.access_key for call in aws.calls if call.account == SHOP}
            aws.faults.extend(Expired(access_key=key) for key in old)
            seen = len(aws.calls)
            await poll_again(exporter)
            samples = Samples(exporter)
            calls = aws.calls[seen:]

    assert old
    assert samples.failures == {}
    assert {call.account for call in calls if call.access_key in old} == {SHOP}
    assert {call.access_key for call in calls if call.account == SHOP} - old
    # However many calls find out at the same time.
    assert sum(call.operation == "AssumeRole" for call in calls) == 1


# How often is asked.


def too_fast(calls: list[Call], rate: float, burst: float) -> list[float]:
    """Times at which there were more calls than a bucket that fills at a rate has tokens."""
    left, since, found = burst, 0.0, []
    for call in calls:
        left, since = min(burst, left + (call.at - since) * rate) - 1, call.at
        if left < 0:
            found.append(call.at)
    return found


def by_bucket(calls: list[Call]) -> dict[tuple[str, ...], list[Call]]:
    """Calls of each bucket that AWS has."""
    found: defaultdict[tuple[str, ...], list[Call]] = defaultdict(list)
    for call in sorted(calls, key=lambda call: call.at):
        operation = call.operation if call.service in ("service-quotas", "cloudwatch") else ""
        found[call.account, call.region, call.service, operation].append(call)
    return found


async def test_published_rates_are_kept_to(tmp_path: Path) -> None:
    """Per account, Region and service, at the exporter's own pace."""
    async with Aws() as aws:
        entry = organization_of(aws)
        for number in range(12):
            aws.set_quota("*", "*", "secretsmanager", f"L-{number}", "x", value=1)
        aws.page_size = 1
        sources = only("subnets", "route53", "ebs", "secretsmanager")
        async with exporter_of(aws, tmp_path, sources=sources, calls_per_second=None, **entry) as exporter:
            await exporter.poller.once()
            samples = Samples(exporter)
            buckets = by_bucket(aws.calls)

    assert samples.failures == {}
    assert len({key[:2] for key in buckets}) >= 9
    assert max(len(calls) for key, calls in buckets.items() if key[2] == "service-quotas") > 10
    fast = {key: too_fast(calls, *PUBLISHED[key[2]]) for key, calls in buckets.items() if key[2] in PUBLISHED}
    assert {key: times for key, times in fast.items() if times} == {}


async def test_who_is_throttled_asks_less(tmp_path: Path) -> None:
    """Refusals halve the pace for that service, account and Region; the poll works in the end."""
    async with Aws() as aws:
        aws.set_quota("*", "*", *SECRETS, "Secrets", value=500)
        for number in range(6):
            aws.set_quota("*", "*", "secretsmanager", f"L-{number}", "x", value=1)
        aws.page_size = 1
        rule = Throttled(service="service-quotas", region=HERE, times=1)
        aws.faults.append(rule)
        async with exporter_of(
            aws, tmp_path, sources=only("secretsmanager"), calls_per_second=None, regions=[HERE, THERE]
        ) as exporter:
            await exporter.poller.once()
            samples = Samples(exporter)
            calls = {
                place: [c for c in aws.calls if (c.region, c.service) == (place, "service-quotas")] for place in (HERE, THERE)
            }

    assert rule.applied == 1
    assert samples.failures == {}
    assert samples.of("quota_limit", SECRETS, region=HERE) == {"": 500}
    # A bucket of 5 a second and 10 at once has half of both after a refusal, and wins back a three hundredth a second.
    assert too_fast(calls[HERE][1:], 2.5 * 1.2, 5 + 1) == []
    assert pace(calls[HERE]) < pace(calls[THERE])
    throttled = samples.series("quota_exporter_api_throttled_total", service_code="service-quotas")
    assert list(throttled.values()) == [1.0]


def pace(calls: list[Call]) -> float:
    """Calls per second."""
    times = sorted(call.at for call in calls)
    return len(times) / (times[-1] - times[0])


# Answers that are none.


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place() -> AsyncIterator[Here]:
    """A Region with a secret, and with a quota that has a metric."""
    async with Aws() as aws, asking(aws) as connected:
        here = connected.place()
        here.client("secretsmanager").create_secret(Name="one", SecretString="x")
        dimensions = {"Service": "EC2", "Type": "Resource", "Resource": "vCPU", "Class": "Standard/OnDemand"}
        metric = {"MetricNamespace": "AWS/Usage", "MetricName": "ResourceCount", "MetricDimensions": dimensions}
        here.quota("ec2", "L-1216C47A", value=100, usage_metric=metric)
        here.points(metric, (60, 64.0))
        yield here


@pytest.fixture
def here(place: Here) -> Iterator[Here]:
    """The Region, whose faults last for a test."""
    yield place
    place.aws.faults.clear()


ASKED = {
    ("secretsmanager", "ListSecrets"): ("secretsmanager", "L-2F66C23C"),
    ("dynamodb", "ListTables"): ("dynamodb", "L-F98FE922"),
    ("eks", "ListClusters"): ("eks", "L-1194D53C"),
    ("efs", "DescribeFileSystems"): ("elasticfilesystem", "L-848C634D"),
    ("ec2", "DescribeVpcs"): ("vpc", "L-F678F1CE"),
    ("cloudformation", "ListStacks"): ("cloudformation", "L-0485CB21"),
    ("rds", "DescribeAccountAttributes"): ("rds", "L-7B6409FD"),
    ("lambda", "GetAccountSettings"): ("lambda", "L-2ACBD22F"),
    ("cloudwatch", "GetMetricData"): ("ec2", "L-1216C47A"),
    ("service-quotas", "ListServiceQuotas"): ("ec2", "L-1216C47A"),
}
"""An operation of each protocol, and what needs it."""


@pytest.mark.parametrize("how", ["html", "cut", "empty"])
@pytest.mark.parametrize("operation", ASKED, ids=" ".join)
async def test_answers_that_are_none(here: Here, operation: tuple[str, str], how: str) -> None:
    """The login page of a proxy, half an answer, nothing: a failure that says so, and no number, which would be 0."""
    source, code = ASKED[operation]
    here.aws.faults.append(Malformed(*operation, region=here.region, how=how))

    errors: list[ApiError] = []
    usage: dict[str, float] = {}
    try:
        found = await here.ask(source)
        errors, usage = found.errors, found.usage(code)
    except ApiError as error:
        errors = [error]

    assert usage == {}
    assert {error.reason for error in errors} == {"malformed"}
    assert {error.operation for error in errors} == {".".join(operation)}


async def test_what_is_well_is_told_beside(here: Here) -> None:
    """Of a source whose one list cannot be read, all else is told."""
    here.aws.faults.append(Malformed("ec2", "DescribeVpcs", region=here.region))

    found = await here.ask("vpc")

    assert {error.operation for error in found.errors} == {"ec2.DescribeVpcs"}
    assert found.usage("L-E79EC296") == {"": 1}
    assert len(found.usage("L-407747CB")) == 1
