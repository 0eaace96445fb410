"""The samples of an account as text: what its jobs read, what is known of the jobs, and facts about the quotas."""

from collections.abc import Iterable, Iterator
from functools import lru_cache

from quota_exporter.account import Account, Entry, key_of
from quota_exporter.budget import Budget
from quota_exporter.exposition import Fragments, fragments, lines
from quota_exporter.families import CALLS, INFO, JOBS, LAST_SUCCESS, LIMIT, POLL_FAILURE_REASON, POLL_SUCCESS, Family
from quota_exporter.model import Quota, Target
from quota_exporter.snapshot import Column, labels

SEGMENT_ROWS = 1500
"""Rows per segment: about 200 KB of text, which deflates well and renders in about a millisecond."""


def texts(account: Account, family: Family, budget: Budget) -> Iterator[str]:
    """The samples of a family of an account, in pieces that are each worth a segment."""
    return _packed(_texts(account, family, budget))


def _texts(account: Account, family: Family, budget: Budget) -> Iterator[str]:
    """The samples of a family of an account, in pieces of at most SEGMENT_ROWS lines."""
    if family in JOBS:
        yield from _job_lines(family, [e for e in account.entries.values() if key_of(e.job.target) == account.key])
        return
    if family in CALLS:
        readings = [reading for reading in budget.readings(*account.key) if reading.measure is family]
        yield from (lines(family, r.target, [fragments(labels((r.quota, "")))], [r.value]) for r in readings)
        return
    if family is INFO:
        yield from _info_lines(account)
        return
    mine = [
        (target, column)
        for entry in account.entries.values()
        for (target, of), column in entry.columns()
        if of is family and key_of(target) == account.key
    ]
    for target, (rows, values) in mine:
        for start in range(0, len(values), SEGMENT_ROWS):
            end = start + SEGMENT_ROWS
            yield lines(family, target, rows.fragments[start:end], values[start:end])


def _packed(texts: Iterable[str]) -> Iterator[str]:
    """Joins short texts until they are worth a segment."""
    parts: list[str] = []
    size = 0
    for text in texts:
        parts.append(text)
        size += len(text)
        if size >= 1 << 17:
            yield "".join(parts)
            parts, size = [], 0
    if size:
        yield "".join(parts)


def _job_lines(family: Family, entries: Iterable[Entry]) -> Iterator[str]:
    """What is known of the polls themselves; nothing before the first one."""
    for entry in entries:
        source = ("source", entry.job.source)
        if family is POLL_SUCCESS and entry.tried is not None:
            yield lines(family, entry.job.target, [fragments([source])], [0.0 if entry.errors else 1.0])
        elif family is LAST_SUCCESS and entry.succeeded is not None:
            yield lines(family, entry.job.target, [fragments([source])], [entry.succeeded])
        elif family is POLL_FAILURE_REASON:
            rows = {
                fragments([source, ("reason", e.reason), ("operation", e.operation), ("permission", e.permission)]): 1.0
                for e in entry.errors
            }
            if rows:
                yield lines(family, entry.job.target, list(rows), list(rows.values()))


def _info_lines(account: Account) -> Iterator[str]:
    """Facts of each quota, once: told by the job that knows the limit, else by the one that knows the usage."""
    told: dict[Target, dict[tuple[str, str], tuple[Quota, str]]] = {}
    for entry in account.entries.values():
        for (target, family), column in entry.columns():
            if key_of(target) == account.key:
                _tell(told.setdefault(target, {}), family, column)
    for target, quotas in told.items():
        rows = [_facts(quota, usage_source, target.account_name) for quota, usage_source in quotas.values()]
        yield lines(INFO, target, rows, [1.0] * len(rows))


def _tell(told: dict[tuple[str, str], tuple[Quota, str]], family: Family, column: Column) -> None:
    for quota, _ in column.rows.keys:
        if isinstance(quota, Quota):
            place = (quota.service_code, quota.quota_code)
            known, usage_source = told.get(place, (quota, ""))
            told[place] = (quota if family is LIMIT else known, usage_source or quota.usage_source)


@lru_cache(maxsize=10_000)
def _facts(quota: Quota, usage_source: str, account_name: str) -> Fragments:
    return fragments(
        (
            ("account_name", account_name),
            ("adjustable", quota.adjustable),
            ("kind", quota.kind),
            ("limit_source", quota.limit_source),
            ("quota_code", quota.quota_code),
            ("quota_name", quota.name),
            ("service_code", quota.service_code),
            ("unit", quota.unit),
            ("usage_source", usage_source),
        )
    )
