"""Pages as clients get them, and as an independent parser reads them."""

import gzip
import urllib.request
from collections.abc import Iterable
from email.message import Message
from typing import NamedTuple

from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

Key = tuple[str, frozenset[tuple[str, str]]]
"""A series: its name and labels."""

Samples = dict[Key, float]
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Page(NamedTuple):
    """An answer.

    Attributes:
        body: As it came over the wire.
    """

    headers: Message
    body: bytes

    def text(self) -> str:
        """The body as text, unpacked where it is packed."""
        packed = self.headers["Content-Encoding"] == "gzip"
        return (gzip.decompress(self.body) if packed else self.body).decode()

    def samples(self) -> Samples:
        """Every sample of the page; each series must be there once."""
        parse = openmetrics if self.headers["Content-Type"].startswith("application/openmetrics-text") else plain
        return _samples(parse(self.text()))

    def series(self, name: str, **labels: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of the series of a name that have some labels."""
        return [(dict(of), value) for (found, of), value in self.samples().items() if found == name and labels.items() <= of]

    def values(self, name: str, **labels: str) -> list[float]:
        """The values of the same."""
        return [value for _, value in self.series(name, **labels)]


def _samples(families: Iterable[Metric]) -> Samples:
    found: Samples = {}
    for family in families:
        for name, labels, value, *_ in family.samples:
            key = (name, frozenset(labels.items()))
            assert key not in found, f"{key} is there twice"
            found[key] = value
    return found


def get(url: str, method: str = "GET", **headers: str) -> Page:
    """Asks for a page; a header's name has `_` in the place of `-`.

    Raises:
        HTTPError: The answer is another than 200.
    """
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, headers=named, method=method)
    with DIRECT.open(request, timeout=10) as answer:
        return Page(answer.headers, answer.read())


def quotas(samples: Samples) -> Samples:
    """What is told of the providers, without what the exporter tells of itself."""
    return {key: value for key, value in samples.items() if not key[0].startswith(("quota_exporter_", "process_", "python_"))}
