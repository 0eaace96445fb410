"""What of it all is served: selectors, and the same as JSON."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import pytest

from quota_exporter.errors import ApiError, Denied
from quota_exporter.families import CEILING, LIMIT, USAGE
from quota_exporter.model import JobId, Quota, Reading, Target
from quota_exporter.plan import Job
from tests.sites import PROMETHEUS_3, Site, quota, targets, usages

HOSTILE = 'a"b\\c\nd } 5 {x="y",</script>\r\t\x00\x1b[31m\u2028\u00fc\U0001f980'


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
