"""The fleet that is measured: 100 quotas with usage and limit in each of 10 regions of many accounts.

A quarter of the usage values are random floats of 16 or 17 digits, which deflate badly and change with every poll.
"""

import random
from array import array
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from quota_exporter.families import LIMIT, USAGE
from quota_exporter.model import JobId, Quota, Reading, Target

QUOTAS_PER_TARGET = 100
SERIES_PER_TARGET = 2 * QUOTAS_PER_TARGET
FLEET_INTERVAL = 300.0
FLEET_TARGETS = 5000
"""Targets of a fleet of a million series, each polled once per FLEET_INTERVAL."""

SERVICES = ("ec2", "vpc", "lambda", "ebs", "rds", "eks", "elasticloadbalancing", "dynamodb", "kinesis", "sns")
REGIONS = (
    *("us-east-1", "us-east-2", "us-west-1", "us-west-2", "eu-west-1"),
    *("eu-central-1", "eu-north-1", "ap-south-1", "ap-southeast-2", "sa-east-1"),
)


def _quotas() -> Iterator[Quota]:
    codes = random.Random(1)
    for index in range(QUOTAS_PER_TARGET):
        service, code = SERVICES[index // 10], f"L-{codes.getrandbits(32):08X}"
        yield Quota(service, code, f"Things of kind {index} per Region", "count", "allocation", "true", "cloudwatch", "provider")


QUOTAS = tuple(_quotas())
LIMITS = array("d", [float(50 * (1 + index % 40)) for index in range(QUOTAS_PER_TARGET)])


def target(number: int) -> Target:
    """One of the fleet's targets."""
    account = number // len(REGIONS)
    return Target("aws", str(100_000_000_000 + 7919 * account), REGIONS[number % len(REGIONS)], f"team-{account}-production")


def job(number: int) -> JobId:
    """The job that polls a target."""
    return JobId("fleet", target(number))


def usages(number: int, turn: int = 0) -> "array[float]":
    """What is in use at a target; the floats differ from turn to turn."""
    floats = random.Random(number * 1_000_003 + turn)
    return array(
        "d", [floats.random() * 1000 if k % 4 == 0 else float((number * 7 + k * 13) % 500) for k in range(QUOTAS_PER_TARGET)]
    )


def readings(number: int, turn: int = 0) -> list[Reading]:
    """What a poll of a target brings home."""
    of = target(number)
    found = [Reading(of, quota, USAGE, value) for quota, value in zip(QUOTAS, usages(number, turn), strict=True)]
    return found + [Reading(of, quota, LIMIT, value) for quota, value in zip(QUOTAS, LIMITS, strict=True)]


class Reference(Collector):
    """The same readings for prometheus-client, which makes its samples of them at each scrape, as exporters usually do."""

    def __init__(self, targets: int) -> None:
        self._targets = [target(number) for number in range(targets)]
        self._usages = [usages(number) for number in range(targets)]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Usages and limits."""
        for family, columns in ((USAGE, self._usages), (LIMIT, [LIMITS] * len(self._targets))):
            found = GaugeMetricFamily(
                family.name, family.help, labels=("account", "provider", "quota_code", "region", "service_code")
            )
            for of, values in zip(self._targets, columns, strict=True):
                for quota, value in zip(QUOTAS, values, strict=True):
                    found.add_metric((of.account, of.provider, quota.quota_code, of.region, quota.service_code), value)
            yield found
