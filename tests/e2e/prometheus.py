"""What is asked of a real Prometheus."""

import json
import urllib.parse
from typing import Any, NamedTuple

from tests.e2e.pages import Samples, get

SCRAPE = "up|scrape_.*"
"""The names of what Prometheus itself adds to each target."""


class Prometheus(NamedTuple):
    """A Prometheus that runs."""

    url: str

    def api(self, path: str, **query: str) -> Any:
        """What its API has at a path under `/api/v1/`."""
        return json.loads(get(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}").text())["data"]

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of each series of an expression now."""
        return [(series["metric"], float(series["value"][1])) for series in self.api("query", query=expression)["result"]]

    def by_job(self, expression: str) -> dict[str, float]:
        """The value of the one series of each job."""
        found = self.query(expression)
        values = {labels["job"]: value for labels, value in found}
        assert len(values) == len(found), f"{expression} has more than one series per job"
        return values

    def held(self, job: str) -> Samples:
        """The newest samples of a job, under the labels that the exporter gave them."""
        found: Samples = {}
        for labels, value in self.query(f'{{job="{job}", __name__!~"{SCRAPE}"}}'):
            name, _, _ = (labels.pop(label) for label in ("__name__", "job", "instance"))
            found[name, frozenset(labels.items())] = value
        return found
