"""Usage, limit and ceiling of a quota as one record."""

from math import inf

import pytest

from quota_exporter.model import Quota, Target
from quota_exporter.overview import Standing

QUOTA = Quota("ec2", "L-1", "Name", "count", "allocation")


@pytest.mark.parametrize(
    ("usage", "limit", "ceiling", "ratio"),
    [
        (5, 10, 20, 0.5),
        (5, None, 20, 0.25),
        (15, 10, None, 1.5),
        (0, 10, None, 0.0),
        (1, 0, None, inf),
        (1, 0, 20, inf),
        (0, 0, None, None),
        (5, None, None, None),
        (None, 10, 20, None),
    ],
)
def test_ratio(usage: float | None, limit: float | None, ceiling: float | None, ratio: float | None) -> None:
    """Close to the limit, or to the ceiling where there is no limit; what is used of nothing is worst of all."""
    assert Standing(Target("aws", "1"), QUOTA, "", usage, limit, ceiling).ratio == ratio
