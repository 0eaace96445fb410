"""The table: a row per figure, with what it is compared with and what was aimed at."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from statistics import median

MEGA = 1_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """One figure.

    Attributes:
        ratio: How many times better or worse; which, says the target.
        met: `yes`, `NO`, or `-` where nothing was aimed at.
    """

    question: str
    ours: str
    reference: str = "-"
    ratio: str = "-"
    target: str = "-"
    met: str = "-"


def interleaved(times: int, *measures: Callable[[], float]) -> list[list[float]]:
    """Measures A B A B …; the figures of each."""
    found: list[list[float]] = [[] for _ in measures]
    for _ in range(times):
        for figures, measure in zip(found, measures, strict=True):
            figures.append(measure())
    return found


def faster(question: str, ours: Sequence[float], reference: Sequence[float], at_least: float | None = None) -> Row:
    """How many times less time or CPU than the reference ours takes, by the medians."""
    ratio = median(reference) / median(ours)
    target = "-" if at_least is None else f">= {at_least:g}x less"
    met = "-" if at_least is None else word(ratio >= at_least)
    return Row(question, duration(median(ours)), duration(median(reference)), f"{ratio:.3g}x less", target, met)


def within(question: str, ours: Sequence[float], reference: Sequence[float], at_most: float | None = None) -> Row:
    """How many times as long as the reference ours takes, by the medians."""
    ratio = median(ours) / median(reference)
    target = "-" if at_most is None else f"<= {at_most:g}x"
    met = "-" if at_most is None else word(ratio <= at_most)
    return Row(question, duration(median(ours)), duration(median(reference)), f"{ratio:.2f}x", target, met)


def bounded(question: str, ours: float, at_most: float, show: Callable[[float], str], reference: float | None = None) -> Row:
    """A figure with a bound of its own; the reference tells what the machine does to anybody."""
    beside = ("-", "-") if reference is None else (show(reference), f"{ours / reference:.2f}x" if reference else "-")
    return Row(question, show(ours), *beside, f"<= {show(at_most)}", word(ours <= at_most))


def word(met: bool) -> str:
    """Whether a target is met."""
    return "yes" if met else "NO"


def duration(seconds: float) -> str:
    """Seconds as people read them."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size or unit == "us":
            return f"{seconds / size:.3g} {unit}"
    raise AssertionError("no unit is left")


def megabytes(size: float) -> str:
    """MB as people read them."""
    return f"{size:.3g} MB"


def count(series: int) -> str:
    """A number of series as people read it."""
    return f"{series // MEGA}M" if series >= MEGA else f"{series // 1000}k"


def percentile(values: Iterable[float], part: float) -> float:
    """The value that so large a part of all values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def table(rows: Sequence[Row]) -> str:
    """All rows, in columns."""
    lines = [tuple(field.name for field in fields(Row)), *(astuple(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines)
