"""A real Prometheus scrapes the exporter: it takes all of it, refuses nothing, and holds the numbers of the page."""

import re

import pytest

from quota_exporter.families import (
    API_COST,
    FAMILIES,
    OMITTED_QUOTAS,
    OMITTED_RESOURCES,
    POLL_DURATION,
    POLL_FAILURE_REASON,
    REQUESTS,
)
from tests.conftest import needs
from tests.e2e.conftest import Standing
from tests.e2e.pages import get, quotas
from tests.e2e.prometheus import Prometheus
from tests.processes import eventually

pytestmark = needs("prometheus")

JOBS = ("demo", "standing", "plain")
ABSENT = (POLL_FAILURE_REASON, API_COST, OMITTED_RESOURCES, OMITTED_QUOTAS, *REQUESTS)
"""Families of which a cluster has no series: nothing fails, calls are free, and nobody asks for more."""

REFUSED = re.compile(r"prometheus_(target_scrape\w*|tsdb)_(exceeded|exemplar|sample|out|too|cache)_\w+_total")
"""What Prometheus counts when it does not take what it scraped."""


def test_targets_are_up(prometheus: Prometheus) -> None:
    """Prometheus finds nothing wrong with any of its targets."""
    targets = prometheus.api("targets")["activeTargets"]

    found = {target["labels"]["job"]: (target["health"], target["lastError"]) for target in targets}
    assert found == dict.fromkeys(JOBS, ("up", ""))
    assert prometheus.by_job("up") == dict.fromkeys(JOBS, 1.0)


@pytest.mark.parametrize("job", JOBS)
def test_every_family_arrives(job: str, prometheus: Prometheus) -> None:
    """All that is documented is there, but what a cluster has no reason to tell; the demo's accounts may tell that too."""
    parts = {f"{POLL_DURATION.name}_{part}" for part in ("bucket", "sum", "count")}
    expected = parts | {family.name for family in FAMILIES if family not in (*ABSENT, POLL_DURATION)}

    found = prometheus.query(f'count by (__name__) ({{job="{job}", __name__=~"quota_.*"}})')

    names = {labels["__name__"] for labels, _ in found}
    assert names - {family.name for family in ABSENT} == expected
    assert job == "demo" or names == expected


def test_help_and_types_arrive(prometheus: Prometheus) -> None:
    """Prometheus knows what each family is in the words of the code, from OpenMetrics and from text."""
    known = prometheus.api("metadata")

    for family in FAMILIES:
        if family not in ABSENT:
            bare = family.name.removesuffix("_total").removesuffix("_info")
            plain_type = "gauge" if family.type == "info" else family.type
            told = {(entry["type"], entry["help"]) for name in {family.name, bare} for entry in known.get(name, ())}
            assert told == {(plain_type, family.help), (family.type, family.help)}


def test_nothing_is_left_out(prometheus: Prometheus) -> None:
    """Prometheus keeps every sample that it scrapes."""
    scraped = prometheus.by_job("scrape_samples_scraped")
    kept = prometheus.by_job("scrape_samples_post_metric_relabeling")

    assert scraped.keys() == set(JOBS)
    assert kept == scraped


def test_nothing_is_refused(prometheus: Prometheus) -> None:
    """Prometheus counts no sample that is there twice, out of order, out of bounds or beyond a limit."""
    samples = get(f"{prometheus.url}/metrics").samples()

    found = {name: value for (name, _), value in samples.items() if REFUSED.fullmatch(name)}
    assert {
        "prometheus_target_scrapes_exceeded_sample_limit_total",
        "prometheus_target_scrapes_sample_duplicate_timestamp_total",
        "prometheus_target_scrapes_sample_out_of_bounds_total",
        "prometheus_target_scrapes_sample_out_of_order_total",
        "prometheus_tsdb_out_of_order_samples_total",
    } <= found.keys()
    assert found == dict.fromkeys(found, 0.0)


def test_no_label_is_in_the_way(prometheus: Prometheus) -> None:
    """No label of ours is one of Prometheus's own, so none is renamed, not even where `honor_labels` is forgotten."""
    found = prometheus.query('{__name__=~"quota_.+"}')

    assert {labels["job"] for labels, _ in found} == set(JOBS)
    assert [labels for labels, _ in found if any(name.startswith("exported_") for name in labels)] == []


@pytest.mark.parametrize("job", JOBS[1:])
def test_every_series_counts_once(job: str, prometheus: Prometheus, standing: Standing) -> None:
    """Prometheus scrapes, and holds, as many series as the page has lines with a number."""
    lines = [line for line in standing.site.page().text().splitlines() if not line.startswith("#")]

    assert prometheus.by_job("scrape_samples_scraped")[job] == len(lines)
    assert len(prometheus.held(job)) == len(lines)


@pytest.mark.parametrize("job", JOBS[1:])
def test_numbers_are_those_of_the_page(job: str, prometheus: Prometheus, standing: Standing) -> None:
    """Prometheus holds the very numbers of the page, under the very labels, from OpenMetrics and from text."""
    shown = quotas(standing.site.page().samples())

    held = quotas(prometheus.held(job))

    assert len(shown) > 200
    assert held == shown


def test_numbers_move(prometheus: Prometheus) -> None:
    """What the demo's cluster does is seen between one scrape and another."""
    moved = eventually(lambda: prometheus.query('changes(quota_api_requests_total{job="demo"}[1m]) > 0'))

    assert [labels["operation"] for labels, _ in moved] == ["workload-low"]
