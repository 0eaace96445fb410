"""The board: what is known now. The one mutable thing between the poller, which posts, and the web, which reads.

Posting is cheap: it replaces columns and notes which families of which accounts changed. `settle` renders those; the
exporter does so in the background, a little at a time, so that a scrape neither renders nor waits.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from quota_exporter.budget import Budget
from quota_exporter.errors import ApiError, Malformed
from quota_exporter.exposition import Format, Fragments, Segment, fragments, header, in_region, lines
from quota_exporter.families import CALLS, INFO, JOBS, LAST_SUCCESS, LIMIT, POLL_FAILURE_REASON, POLL_SUCCESS, SEGMENTED, Family
from quota_exporter.model import JobId, Quota, Reading, Target
from quota_exporter.snapshot import Column, Columns, Layer, Pool, Tally, labels

SEGMENT_ROWS = 1500
"""Rows per segment: about 200 KB of text, which deflates well and renders in about a millisecond."""


@dataclass(slots=True)
class Entry:
    """What is known of a job.

    Attributes:
        layers: Readings that stand, newest first; more than one only after polls that failed in part.
        errors: What failed in the last poll.
        tried: When it was last polled; None before the first time.
        succeeded: When it was last polled with success.
        max_age: Seconds after which a layer vanishes.
    """

    job: JobId
    max_age: float
    layers: list[Layer] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    errors: tuple[ApiError, ...] = ()
    tried: float | None = None
    succeeded: float | None = None
    dropped: int = 0

    def columns(self) -> Iterator[tuple[tuple[Target, Family], Column]]:
        """All columns that stand."""
        for layer in self.layers:
            yield from layer.columns.items()

    def series(self) -> int:
        """How many series stand."""
        return sum(len(column.values) for _, column in self.columns())


AccountKey = tuple[str, str]
"""Provider and account."""


def _key(target: Target) -> AccountKey:
    return (target.provider, target.account)


@dataclass(slots=True)
class Account:
    """What is known of an account: its jobs, and their readings as segments."""

    key: AccountKey
    entries: dict[JobId, Entry] = field(default_factory=dict)
    segments: dict[Family, tuple[Segment, ...]] = field(default_factory=dict)


class Board:
    """Everything that is exported of accounts, by account and job."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._pool = Pool()
        self._accounts: dict[AccountKey, Account] = {}
        self._changed: dict[tuple[AccountKey, Family], None] = {}
        self.entries: dict[JobId, Entry] = {}
        self.series: dict[str, int] = {}
        self.dropped: dict[str, int] = {}

    def add(self, job: JobId, max_age: float) -> Entry:
        """Makes room for a job; keeps what is known of it."""
        entry = self.entries.setdefault(job, Entry(job, max_age))
        entry.max_age = max_age
        self._account(job.target).entries[job] = entry
        return entry

    def remove(self, job: JobId) -> None:
        """Forgets a job and all it read."""
        entry = self.entries.pop(job)
        before = dict(entry.columns())
        entry.layers.clear()
        self._count(job.target.provider, entry, before, 0)
        for account in [account for account in self._accounts.values() if account.entries.pop(job, None)]:
            self._touch(account.key, *SEGMENTED)
            if not account.entries:
                del self._accounts[account.key]

    def post(self, job: JobId, readings: Iterable[Reading], errors: Iterable[ApiError], now: float) -> tuple[ApiError, ...]:
        """Takes the outcome of a poll; returns what failed, readings that cannot be exported included.

        Without errors the readings replace all earlier ones. With errors those that were read again do, and the rest
        stands until it is too old.
        """
        entry = self.entries[job]
        before = dict(entry.columns())
        columns, dropped = self._pool.columns(entry.tally.count(readings, entry.tried), before)
        dropped += self._without_foreign(entry, columns)
        entry.errors = tuple(errors)
        if dropped:
            entry.errors += (Malformed(f"{dropped} readings were told before or are no finite number"),)
        layers = [Layer(now, columns), *(self._older(entry, columns) if entry.errors else ())]
        entry.layers = [layer for layer in layers if layer.columns]
        entry.tried = now
        if not entry.errors:
            entry.succeeded = now
        self._count(entry.job.target.provider, entry, before, dropped)
        self._note(entry, before)
        return entry.errors

    def expire(self, job: JobId, now: float) -> float | None:
        """Drops what is older than the job's `max_age`; returns when the next layer will be, None if nothing stands."""
        entry = self.entries[job]
        before = dict(entry.columns())
        entry.layers = [layer for layer in entry.layers if now - layer.at < entry.max_age]
        self._count(job.target.provider, entry, before, entry.dropped)
        self._note(entry, before)
        return min((layer.at + entry.max_age for layer in entry.layers), default=None)

    def _older(self, entry: Entry, columns: Columns) -> Iterator[Layer]:
        """The layers before, without what was read again."""
        for at, older in entry.layers:
            for place in [place for place in older if place in columns]:
                self._pool.without(older, place, set(columns[place].rows.fragments))
            yield Layer(at, older)

    def _without_foreign(self, entry: Entry, columns: Columns) -> int:
        """Takes out what another job already tells: a series has one owner, or Prometheus would refuse the page."""
        known = {place: column.rows for place, column in entry.columns()}
        dropped = 0
        for place in [place for place, column in columns.items() if known.get(place) is not column.rows]:
            taken: set[Fragments] = set()
            for other in self._account(place[0]).entries.values():
                if other is not entry:
                    for layer in other.layers:
                        if place in layer.columns:
                            taken.update(layer.columns[place].rows.fragments)
            if taken:
                dropped += self._pool.without(columns, place, taken)
        return dropped

    def _count(self, provider: str, entry: Entry, before: Columns, dropped: int) -> None:
        """Keeps the number of series and of dropped ones per provider."""
        grown = entry.series() - sum(len(column.values) for column in before.values())
        self.series[provider] = self.series.get(provider, 0) + grown
        self.dropped[provider] = self.dropped.get(provider, 0) + dropped - entry.dropped
        entry.dropped = dropped

    def _account(self, target: Target) -> Account:
        key = _key(target)
        account = self._accounts.get(key)
        if account is None:
            self._accounts[key] = account = Account(key)
        return account

    def _touch(self, key: AccountKey, *families: Family) -> None:
        for family in families:
            self._changed[key, family] = None

    def _note(self, entry: Entry, before: Columns) -> None:
        """Notes which families must be rendered again after a change of an entry."""
        after = dict(entry.columns())
        for place in before.keys() | after.keys():
            old, new = before.get(place), after.get(place)
            if old != new:
                account = self._account(place[0])
                account.entries[entry.job] = entry
                self._touch(account.key, place[1])
                if old is None or new is None or old.rows is not new.rows:
                    self._touch(account.key, INFO)
        self._touch(_key(entry.job.target), *JOBS, *CALLS)

    # Rendering

    def settle(self) -> Iterator[None]:
        """Renders what changed, a segment per step."""
        while self._changed:
            key, family = place = next(iter(self._changed))
            del self._changed[place]
            account = self._accounts.get(key)
            if account is None:
                continue
            segments = []
            for text in _packed(self._texts(account, family)):
                segments.append(Segment.of(text))
                yield
            if segments:
                account.segments[family] = tuple(segments)
            else:
                account.segments.pop(family, None)

    def accounts(self, provider: str = "", account: str = "") -> list[Account]:
        """The accounts of a provider, or one account; all where nothing is selected."""
        return [a for a in self._accounts.values() if provider in ("", a.key[0]) and account in ("", a.key[1])]

    def segments(self, form: Format, *, provider: str = "", account: str = "", region: str = "") -> Iterator[Segment]:
        """The segments of the selected accounts, family by family, each family after its header."""
        accounts = self.accounts(provider, account)
        for family in SEGMENTED:
            found: Iterator[Segment] = (segment for a in accounts for segment in a.segments.get(family, ()))
            if region:
                found = (Segment.of(text) for segment in found if (text := in_region(segment.text(), region)))
            first = next(found, None)
            if first is not None:
                yield header(family, form)
                yield first
                yield from found

    def _texts(self, account: Account, family: Family) -> Iterator[str]:
        """The samples of a family of an account, in pieces of at most SEGMENT_ROWS lines."""
        if family in JOBS:
            yield from _job_lines(family, [e for e in account.entries.values() if _key(e.job.target) == account.key])
            return
        if family in CALLS:
            readings = [reading for reading in self._budget.readings(*account.key) if reading.measure is family]
            yield from (lines(family, r.target, [fragments(labels((r.quota, "")))], [r.value]) for r in readings)
            return
        if family is INFO:
            yield from _info_lines(account)
            return
        mine = [
            (target, column)
            for entry in account.entries.values()
            for (target, of), column in entry.columns()
            if of is family and _key(target) == account.key
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
            if _key(target) == account.key:
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
