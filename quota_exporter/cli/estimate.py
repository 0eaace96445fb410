"""What polling a configuration takes, before anything is asked: calls and US dollars of each source."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from quota_exporter.model import Target
from quota_exporter.providers.aws.settings import Account
from quota_exporter.settings import Entry
from quota_exporter.source import Provider

DAY = 86_400.0
MONTH = 30
"""Days."""

HEADER = ("SOURCE", "EVERY", "CALLS/DAY", "USD/DAY", "TARGETS", "ALL CALLS/DAY", "ALL USD/DAY")

ASSUMED = """\
This is an estimate, nothing was asked: every list on one page, one resource where each is asked for more, list prices,
and the most metrics that the settings allow."""


class Places(NamedTuple):
    """Where an entry polls.

    Attributes:
        accounts: How many accounts; None where only the provider knows.
        regions: How many regions of each; None where only the provider knows.
    """

    accounts: int | None = 1
    regions: int | None = 1

    @property
    def known(self) -> bool:
        """Whether there can be a sum."""
        return self.accounts is not None and self.regions is not None


class Line(NamedTuple):
    """A source of an entry.

    Attributes:
        every: Seconds between two polls.
        calls: Calls a day of one target.
        usd: US dollars a day of one target.
        once: Whether each account is asked it once.
        regional: Whether each region is asked it.
    """

    source: str
    every: float
    calls: float
    usd: float
    once: bool
    regional: bool

    def times(self, places: Places) -> int:
        """How many targets are asked; those of one account and region where it is not known of how many."""
        accounts, regions = (places.accounts or 1, places.regions or 1) if places.known else (1, 1)
        return accounts * (self.once + self.regional * regions)


def places(entry: Entry) -> Places:
    """Where an entry polls, as far as the file says; without regions it is the one of the environment."""
    if not isinstance(entry, Account):
        return Places()
    accounts = None if entry.organization else len(entry.accounts.ids) if entry.accounts else 1
    regions = None if entry.regions == "all" else len(entry.regions) if entry.regions else 1
    return Places(accounts, regions)


def lines(provider: Provider[Any], entry: Entry) -> Iterator[Line]:
    """Each source that is switched on."""
    has_regions = isinstance(entry, Account)
    for source in provider.sources:
        once = source.polls(entry, Target(provider.name, "", "global"))
        regional = has_regions and source.polls(entry, Target(provider.name, "", "-"))
        if once or regional:
            every = entry.every(source.name, source.every)
            effort = source.effort(entry)
            yield Line(source.name, every, effort.calls * DAY / every, effort.usd * DAY / every, once, regional)


def report(entries: Sequence[tuple[Provider[Any], Entry]]) -> Iterator[str]:
    """The table of each entry, and what it comes to."""
    usd = 0.0
    for provider, entry in entries:
        found, where = list(lines(provider, entry)), places(entry)
        each = "" if where.known else ", per account and region"
        yield f"{provider.name}: {entry.label}{_size(where) if isinstance(entry, Account) else ''}"
        yield from _table(found, where)
        month = MONTH * sum(line.usd * line.times(where) for line in found)
        yield f"  US dollars in {MONTH} days{each}: {month:,.2f}"
        yield ""
        usd += month
    if len(entries) > 1 and all(places(entry).known for _, entry in entries):
        yield f"all entries, US dollars in {MONTH} days: {usd:,.2f}"
    yield ASSUMED


def _size(where: Places) -> str:
    accounts = (
        "accounts of the organization" if where.accounts is None else f"{where.accounts} account{'s' * (where.accounts > 1)}"
    )
    regions = "all enabled regions" if where.regions is None else f"{where.regions} region{'s' * (where.regions > 1)}"
    return f" ({accounts}, {regions})"


def _table(found: Sequence[Line], where: Places) -> Iterator[str]:
    """Numbers on the right: of each target, then of all; where nobody knows how many, of one account and region."""
    rows = [HEADER, *(_row(line, line.times(where)) for line in found)]
    calls = sum(line.calls * line.times(where) for line in found)
    usd = sum(line.usd * line.times(where) for line in found)
    rows.append(("total", "", "", "", "", *_numbers(calls, usd)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *cells in rows:
        numbers = (cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        yield "  ".join(("", name.ljust(widths[0]), *numbers))


def _row(line: Line, times: int) -> tuple[str, ...]:
    each, together = _numbers(line.calls, line.usd), _numbers(line.calls * times, line.usd * times)
    return (line.source, f"{line.every:g} s", *each, str(times), *together)


def _numbers(calls: float, usd: float) -> tuple[str, str]:
    return f"{calls:,.0f}", f"{usd:,.4f}"
