"""Every source of AWS: one per service of the catalogue, and those that are more than rows."""

from typing import Any

from quota_exporter.providers.aws import discovered, eks, report, requests, subnets, throttling
from quota_exporter.providers.aws.catalog import shipped
from quota_exporter.providers.aws.service import CUSTOM, source
from quota_exporter.source import Source

SOURCES: tuple[Source[Any], ...] = (
    *(source(name, facts, rows) for name, facts, rows in shipped().by_source()),
    CUSTOM,
    discovered.SOURCE,
    subnets.SOURCE,
    throttling.THROTTLING,
    throttling.REQUESTS,
    eks.SOURCE,
    requests.SOURCE,
    report.SOURCE,
)
