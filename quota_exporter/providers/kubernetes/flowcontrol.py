"""API Priority and Fairness: seats, queues, requests and refusals, as one page of a kube-apiserver tells them.

https://kubernetes.io/docs/concepts/cluster-administration/flow-control/
"""

from collections.abc import Iterator
from dataclasses import replace

from quota_exporter.families import API_REQUESTS, API_THROTTLED, LIMIT, USAGE
from quota_exporter.model import Operation, Quota, Reading, Target, dimensions
from quota_exporter.providers.kubernetes.settings import Cluster
from quota_exporter.providers.kubernetes.text import Page

SERVICE = "kube-apiserver"
EXEMPT = "exempt"

SEATS = Quota(
    SERVICE, "priority-level-seats", "Seats guaranteed to a priority level", "seats", "share", "true", "metrics", "provider"
)
SERVER_SEATS = Quota(SERVICE, "server-seats", "Seats of the whole server", "seats", "concurrent", "true", "metrics", "provider")
QUEUED = Quota(SERVICE, "queued-requests", "Requests queued in a priority level", "requests", "concurrent", "unknown", "metrics")
INFLIGHT = Quota(SERVICE, "inflight-requests", "Requests being served", "requests", "concurrent", "true", "metrics")
INFLIGHT_LIMITED = replace(INFLIGHT, limit_source="configured")

REASONS = ("concurrency-limit", "queue-full", "time-out")
"""Those that every version of kube-apiserver tells; none has a series before its first refusal."""

STARTING = 60.0
"""Seconds after its start for which a server may not yet tell the limits that it has."""

EXECUTING = ("apiserver_flowcontrol_current_executing_seats", "apiserver_flowcontrol_request_concurrency_in_use")
NOMINAL = ("apiserver_flowcontrol_nominal_limit_seats", "apiserver_flowcontrol_request_concurrency_limit")
UPPER = "apiserver_flowcontrol_upper_limit_seats"
INQUEUE = "apiserver_flowcontrol_current_inqueue_requests"
DISPATCHED = "apiserver_flowcontrol_dispatched_requests_total"
REJECTED = "apiserver_flowcontrol_rejected_requests_total"
REQUESTS = "apiserver_request_total"
INFLIGHT_REQUESTS = "apiserver_current_inflight_requests"

WANTED = frozenset({*EXECUTING, *NOMINAL, UPPER, INQUEUE, DISPATCHED, REJECTED, REQUESTS, INFLIGHT_REQUESTS})

Levels = dict[str, float]


def readings(target: Target, page: Page, cluster: Cluster) -> Iterator[Reading]:
    """Everything that one server tells of flow control; with flow control off, the totals of the server."""
    nominal = _by_level(page, *NOMINAL)
    yield from _inflight(target, page, cluster, flow_control=bool(nominal) or _starting(page))
    if nominal:
        yield from _seats(target, page, nominal)
        yield from _queues(target, page)
        yield from _counters(target, page, nominal)
    elif not _starting(page):
        yield from _totals(target, page)


def _by_level(page: Page, *names: str) -> Levels:
    """The first of some metrics that is there, by priority level."""
    found = next((sums for name in names if (sums := page.sums(name, "priority_level"))), {})
    return {level: value for (level,), value in found.items()}


def _starting(page: Page) -> bool:
    return page.started is None or page.at - page.started < STARTING


def _seats(target: Target, page: Page, nominal: Levels) -> Iterator[Reading]:
    executing, upper = _by_level(page, *EXECUTING), _by_level(page, UPPER)
    # Before 1.26 nothing was borrowed: a level was stopped at its own seats.
    seats = SEATS if upper else replace(SEATS, kind="concurrent")
    # A level that had no traffic since the start has no series: it uses 0 seats.
    for level in sorted(nominal.keys() | executing.keys()):
        resource = dimensions(priority_level=level, replica=page.replica)
        yield Reading(target, seats, USAGE, executing.get(level, 0.0), resource)
        # Exempt requests are never held back: what is nominal there is no limit.
        if level in nominal and level != EXEMPT:
            yield Reading(target, seats, LIMIT, nominal[level], resource)
    replica = dimensions(replica=page.replica)
    yield Reading(target, SERVER_SEATS, USAGE, sum(executing.values()), replica)
    if (limit := _server_limit(nominal, upper)) > 0:
        yield Reading(target, SERVER_SEATS, LIMIT, limit, replica)


def _server_limit(nominal: Levels, upper: Levels) -> float:
    """The seats that all levels share.

    A level may borrow all of them unless it is restricted, which `exempt` cannot be (1.28+); before, any level that is
    not tells them; before 1.26 there was no borrowing, and the sum is right but for rounding up each level's share.
    """
    borrowing = {level: upper[level] - nominal[level] for level in upper if level in nominal}
    if not borrowing:
        return sum(nominal.values())
    return borrowing.get(EXEMPT, max(borrowing.values()))


def _queues(target: Target, page: Page) -> Iterator[Reading]:
    for level, waiting in _by_level(page, INQUEUE).items():
        yield Reading(target, QUEUED, USAGE, waiting, dimensions(priority_level=level, replica=page.replica))


def _inflight(target: Target, page: Page, cluster: Cluster, flow_control: bool) -> Iterator[Reading]:
    # With flow control on, only the sum of both flags is enforced, as seats.
    limits = {"readOnly": cluster.max_requests_inflight, "mutating": cluster.max_mutating_requests_inflight}
    for (kind,), value in page.sums(INFLIGHT_REQUESTS, "request_kind").items():
        resource = dimensions(request_kind=kind, replica=page.replica)
        limit = None if flow_control else limits.get(kind)
        quota = INFLIGHT if limit is None else INFLIGHT_LIMITED
        yield Reading(target, quota, USAGE, value, resource)
        if limit is not None:
            yield Reading(target, quota, LIMIT, limit, resource)


def _counters(target: Target, page: Page, nominal: Levels) -> Iterator[Reading]:
    """Requests and refusals by priority level. 429s are told twice more under other names: never to be added."""
    if page.started is None:
        return
    since = (page.replica, page.started)
    dispatched = _by_level(page, DISPATCHED)
    rejected = page.sums(REJECTED, "priority_level", "reason")
    by_level = _by_level(page, REJECTED)
    for level in sorted(nominal.keys() | dispatched.keys() | by_level.keys()):
        requests = dispatched.get(level, 0.0) + by_level.get(level, 0.0)
        yield Reading(target, Operation(SERVICE, level), API_REQUESTS, requests, since=since)
        for reason in sorted({*REASONS, *(why for of, why in rejected if of == level)}):
            refused = rejected.get((level, reason), 0.0)
            yield Reading(target, Operation(SERVICE, level, reason), API_THROTTLED, refused, since=since)


def _totals(target: Target, page: Page) -> Iterator[Reading]:
    """Requests and 429s of the whole server, where flow control is off."""
    by_code = page.sums(REQUESTS, "code")
    if page.started is None or not by_code:
        return
    since = (page.replica, page.started)
    yield Reading(target, Operation(SERVICE, "all"), API_REQUESTS, sum(by_code.values()), since=since)
    refused = by_code.get(("429",), 0.0)
    yield Reading(target, Operation(SERVICE, "all", "too-many-requests"), API_THROTTLED, refused, since=since)
