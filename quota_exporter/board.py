"""The board: what is known now. The one mutable thing between the poller, which posts, and the web, which reads.

Posting is cheap: it replaces columns and notes which families of which accounts changed. `settle` renders those; the
exporter does so in the background, a little at a time, so that a scrape neither renders nor waits.
"""

import time
from collections.abc import Callable, Iterable, Iterator

from quota_exporter.account import Account, AccountKey, Entry, Standing, key_of
from quota_exporter.budget import Budget
from quota_exporter.errors import ApiError, Malformed
from quota_exporter.exposition import Format, Fragments, Segment, header, in_region
from quota_exporter.families import CALLS, INFO, JOBS, SEGMENTED, Family
from quota_exporter.model import JobId, Reading, Target
from quota_exporter.rendering import texts
from quota_exporter.snapshot import Columns, Layer, Pool


class Board:
    """Everything that is exported of accounts, by account and job."""

    def __init__(self, budget: Budget, clock: Callable[[], float] = time.time) -> None:
        """Starts empty.

        Args:
            budget: Knows what we ourselves asked.
            clock: Seconds since 1970, for what is told of polls. What ages does so by the clock of who posts.
        """
        self._budget = budget
        self._clock = clock
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
        if entry.job.target.account_name != job.target.account_name:
            entry.rename(job)
            self._touch(key_of(job.target), INFO)
        self._account(job.target).entries[job] = entry
        return entry

    def remove(self, job: JobId) -> None:
        """Forgets a job and all it read."""
        entry = self.entries.pop(job)
        before = entry.standing()
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

        Args:
            job: Whose poll it was.
            readings: What it read.
            errors: What failed.
            now: Seconds on a clock that only ever goes forward.
        """
        entry = self.entries[job]
        wall = self._clock()
        before = entry.standing()
        columns, dropped = self._pool.columns(entry.tally.count(readings, wall), before)
        dropped += self._without_foreign(entry, columns)
        entry.errors = tuple(errors)
        if dropped:
            entry.errors += (Malformed(f"{dropped} readings were told before or are no finite number"),)
        layers = [Layer(now, columns), *(self._older(entry, columns) if entry.errors else ())]
        entry.layers = [layer for layer in layers if layer.columns]
        entry.tried = wall
        if not entry.errors:
            entry.succeeded = wall
        self._count(entry.job.target.provider, entry, before, dropped)
        self._note(entry, before)
        return entry.errors

    def expire(self, job: JobId, now: float) -> float | None:
        """Drops what is older than the job's `max_age`; returns when the next layer will be, None if nothing stands.

        Args:
            job: Whose readings may be too old.
            now: By the clock of `post`.
        """
        entry = self.entries[job]
        young = [layer for layer in entry.layers if now - layer.at < entry.max_age]
        if len(young) < len(entry.layers):
            before = entry.standing()
            entry.layers = young
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
        known = {(place, column.rows) for place, column in entry.columns()}
        dropped = 0
        for place in [place for place, column in columns.items() if (place, column.rows) not in known]:
            taken: set[Fragments] = set()
            for other in self._account(place[0]).entries.values():
                if other is not entry:
                    for layer in other.layers:
                        if place in layer.columns:
                            taken.update(layer.columns[place].rows.fragments)
            if taken:
                dropped += self._pool.without(columns, place, taken)
        return dropped

    def _count(self, provider: str, entry: Entry, before: Standing, dropped: int) -> None:
        """Keeps the number of series and of dropped ones per provider."""
        grown = entry.series() - sum(len(column.values) for columns in before.values() for column in columns)
        self.series[provider] = self.series.get(provider, 0) + grown
        self.dropped[provider] = self.dropped.get(provider, 0) + dropped - entry.dropped
        entry.dropped = dropped

    def _account(self, target: Target) -> Account:
        key = key_of(target)
        account = self._accounts.get(key)
        if account is None:
            self._accounts[key] = account = Account(key)
        return account

    def _touch(self, key: AccountKey, *families: Family) -> None:
        for family in families:
            self._changed[key, family] = None

    def _note(self, entry: Entry, before: Standing) -> None:
        """Notes which families must be rendered again after a change of an entry."""
        after = entry.standing()
        for place in before.keys() | after.keys():
            old, new = before.get(place, ()), after.get(place, ())
            if old != new:
                account = self._account(place[0])
                account.entries[entry.job] = entry
                self._touch(account.key, place[1])
                if [column.rows for column in old] != [column.rows for column in new]:
                    self._touch(account.key, INFO)
        self._touch(key_of(entry.job.target), *JOBS, *CALLS)

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
            for text in texts(account, family, self._budget):
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
            found: Iterable[Segment] = [segment for a in accounts for segment in a.segments.get(family, ())]
            if region:
                found = (Segment.of(text) for segment in found if (text := in_region(segment.text(), region)))
            for number, segment in enumerate(found):
                if number == 0:
                    yield header(family, form)
                yield segment
