"""A kube-apiserver's `/metrics`, of which only the families that matter are ever parsed.

The page has megabytes, four fifths of them histogram buckets. So lines are chosen by their first bytes while the page
streams in, and only those few are taken apart.
"""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from quota_exporter.errors import Malformed

LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
ESCAPED = re.compile(r"\\(.)")
MAX_LINE = 1 << 20


class Sample(NamedTuple):
    """One line: labels and value."""

    labels: dict[str, str]
    value: float


@dataclass(slots=True)
class Page:
    """The wanted lines of a page, by name.

    Attributes:
        at: When the page was read, in seconds since 1970.
        replica: Which of several servers it is of; empty where there is one address only.
    """

    at: float
    replica: str = ""
    lines: dict[str, list[bytes]] = field(default_factory=dict)

    def samples(self, name: str) -> list[Sample]:
        """The samples of a name; empty if it is not on the page.

        Raises:
            Malformed: A line is no sample.
        """
        return [_sample(line) for line in self.lines.get(name, ())]

    def sums(self, name: str, *by: str) -> dict[tuple[str, ...], float]:
        """The samples of a name, summed by the values of some labels; whatever other labels there are."""
        sums: dict[tuple[str, ...], float] = {}
        for labels, value in self.samples(name):
            key = tuple(labels.get(label, "") for label in by)
            sums[key] = sums.get(key, 0.0) + value
        return sums

    @property
    def started(self) -> float | None:
        """When the server's process began, in seconds since 1970."""
        found = self.samples("process_start_time_seconds")
        return found[0].value if found else None


@dataclass(slots=True)
class Filter:
    """Takes a page chunk by chunk and keeps the wanted lines."""

    wanted: frozenset[str]
    page: Page
    _prefixes: tuple[bytes, ...] = ()
    _rest: bytes = b""

    def __post_init__(self) -> None:
        self._prefixes = tuple(name.encode() for name in self.wanted)

    def feed(self, chunk: bytes) -> None:
        """Takes the next piece, wherever it was cut.

        Raises:
            Malformed: A line without end.
        """
        block = self._rest + chunk
        end = block.rfind(b"\n") + 1
        self._rest = block[end:]
        if len(self._rest) > MAX_LINE:
            raise Malformed(f"a line of more than {MAX_LINE >> 20} MiB: not a page of metrics")
        prefixes = self._prefixes
        for line in [line for line in block[:end].split(b"\n") if line.startswith(prefixes)]:
            # A wanted name may also begin another one's.
            name = line.replace(b"{", b" ").partition(b" ")[0].decode("utf-8", "replace")
            if name in self.wanted:
                self.page.lines.setdefault(name, []).append(line)

    def finish(self) -> Page:
        """The page.

        Raises:
            Malformed: The page ends within a line, or holds nothing that every kube-apiserver tells.
        """
        if self._rest:
            raise Malformed("the page ends in the middle of a line")
        if "process_start_time_seconds" not in self.page.lines:
            raise Malformed("no metrics of a kube-apiserver: process_start_time_seconds is not there")
        return self.page


def _sample(line: bytes) -> Sample:
    text = line.decode("utf-8", "replace")
    # Label values may hold braces and spaces: the last brace is the one that ends the labels.
    head, brace, tail = text.rpartition("}")
    if not brace:
        tail = text.partition(" ")[2]
    try:
        value = float(tail.split()[0])
    except (ValueError, IndexError):
        raise Malformed(f"no sample: {text[:200]!r}") from None
    return Sample(
        {name: ESCAPED.sub(_unescaped, value) if "\\" in value else value for name, value in LABEL.findall(head)}, value
    )


def _unescaped(match: re.Match[str]) -> str:
    return "\n" if match[1] == "n" else match[1]
