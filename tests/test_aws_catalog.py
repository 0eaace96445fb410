"""Every row of the shipped catalogue, polled over HTTP: the usage, limit and ceiling of what was made in the embedded AWS."""

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest
from botocore.loaders import Loader

from quota_exporter.demo.aws.server import ACCOUNT, Aws
from quota_exporter.providers.aws.actions import action
from quota_exporter.providers.aws.catalog import Row, shipped
from tests.aws_polled import REGION, Code, Samples, polled
from tests.aws_seeds import SEEDS, Numbers, Partly, Seed, World

ROWS = {(row.service, row.quota): row for row in shipped().quotas}
DECOY = 77_777.0
"""What Service Quotas says where the service's own answer is right."""


class Truth:
    """The embedded AWS, what was polled of it, and what must have been told."""

    def __init__(self, aws: Aws, samples: Samples, usages: dict[Code, Numbers]):
        self.aws = aws
        self.samples = samples
        self.usages = usages


def limit_of(code: Code, seeded: Seed) -> float:
    """A limit that no other row has, below the row's ceiling."""
    number = list(SEEDS).index(code)
    return 10_000 + number if seeded.ceiling is None else seeded.ceiling / 2 + number / 1024


def set_limits(aws: Aws) -> None:
    """Sets the limit of every row where the row has it."""
    for (service, quota), seeded in SEEDS.items():
        limit = limit_of((service, quota), seeded)
        if seeded.own is not None:
            aws.set_limit(*seeded.own, value=round(limit / seeded.factor))
        if quota.startswith("L-"):
            aws.set_quota(
                "*",
                "*",
                service,
                quota,
                f"{quota} in words",
                value=limit if seeded.own is None else DECOY,
                default=limit if seeded.only_default else 1.0,
                adjustable=not seeded.fixed,
                usage_metric=seeded.metric,
                period=seeded.period,
                only_default=seeded.only_default,
            )


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Truth]:
    """Seeds everything, polls every source once, pages of two items each."""
    with Aws() as aws:
        set_limits(aws)
        world = World(aws)
        usages = {code: seeded.make(world) for code, seeded in SEEDS.items()}
        told = {code: usage() if callable(usage) else usage for code, usage in usages.items()}
        aws.page_size = 2
        aws.metrics.most_points = 50
        sources = {name: {"enabled": True} for name, facts, _ in shipped().by_source() if not facts.enabled}
        samples = asyncio.run(polled(aws, tmp_path_factory.mktemp("catalog"), regions=[REGION], sources=sources))
        yield Truth(aws, samples, told)


def test_every_row_is_seeded() -> None:
    """A row without a seed is a number that nobody checked."""
    assert SEEDS.keys() == ROWS.keys()


def test_every_source_was_polled(truth: Truth) -> None:
    """Without any failure, and the embedded AWS could answer all."""
    successes = truth.samples.series("quota_exporter_poll_success")

    assert truth.samples.failures == {}
    assert len(successes) >= len(list(shipped().by_source()))
    assert set(successes.values()) == {1.0}
    assert truth.aws.unanswered == []


def test_every_list_had_several_pages(truth: Truth) -> None:
    """Each operation that has pages was called for more than one."""
    loader = Loader()
    calls = Counter(call.action for call in truth.aws.calls)
    single = []
    for call in {call for row in ROWS.values() for call in row.calls}:
        service, _, operation = call.partition(".")
        pages = loader.load_service_model(service, "paginators-1")["pagination"]
        if operation in pages and calls[action(call)] < 2:
            single.append(call)

    assert single == []


@pytest.mark.parametrize("code", ROWS, ids=" ".join)
def test_row(code: Code, truth: Truth) -> None:
    """Usage, limit and ceiling of a row, by resource where it is per resource."""
    row, seeded = ROWS[code], SEEDS[code]
    expected = truth.usages[code]
    usage = truth.samples.of("quota_usage", code)

    if isinstance(expected, Partly):
        assert {resource: usage.get(resource) for resource in expected.resources} == expected.resources
    elif isinstance(expected, dict):
        assert usage == expected
    else:
        assert usage == {"": expected}
    assert truth.samples.of("quota_limit", code) == limits(code, seeded, set(usage))
    assert truth.samples.of("quota_ceiling", code) == ceilings(code, seeded, set(usage))
    assert facts(truth, row) == {
        "quota_name": row.name,
        "kind": row.kind,
        "account_name": "",
        "adjustable": "false" if seeded.fixed or code[1] == "pod-identity-associations" else "true",
        "limit_source": "documented" if seeded.only_default or code[1] == "pod-identity-associations" else "provider",
    }


def limits(code: Code, seeded: Seed, resources: set[str]) -> dict[str, float]:
    """The limit of each resource."""
    if isinstance(seeded.limit, dict):
        return seeded.limit
    limit = limit_of(code, seeded) if seeded.limit is None else seeded.limit
    if seeded.own is not None:
        limit = round(limit / seeded.factor) * seeded.factor
    return dict.fromkeys(resources, limit)


def ceilings(code: Code, seeded: Seed, resources: set[str]) -> dict[str, float]:
    """The ceiling of each resource: the limit itself where it cannot be raised, or what the documentation says."""
    if seeded.fixed or code[1] == "pod-identity-associations":
        return limits(code, seeded, resources)
    return {} if seeded.ceiling is None else dict.fromkeys(resources, seeded.ceiling)


def facts(truth: Truth, row: Row) -> dict[str, str]:
    """What is said of a quota in words."""
    found = truth.samples.info[row.service, row.quota]
    return {label: found.get(label, "") for label in ("quota_name", "kind", "account_name", "adjustable", "limit_source")}


def test_nothing_is_told_of_others(truth: Truth) -> None:
    """Every series is of our account, in the Region that was asked for, or global."""
    assert {(place.account, place.region) for place in truth.samples.places} == {(ACCOUNT, REGION), (ACCOUNT, "global")}


def test_only_read_calls_are_made(truth: Truth) -> None:
    """Nothing is called that could change anything."""
    assert truth.aws.calls
    assert [c.action for c in truth.aws.calls if not c.operation.startswith(("BatchGet", "Describe", "Get", "List"))] == []
