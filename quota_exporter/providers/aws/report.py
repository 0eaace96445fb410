"""Source `utilization_report`: usage of every quota that AWS measures and the catalogue does not have, as a percentage.

https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_StartQuotaUtilizationReport.html
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

from quota_exporter.errors import TimedOut, Unavailable
from quota_exporter.families import USAGE
from quota_exporter.model import Quota, Reading, Target
from quota_exporter.providers.aws.actions import action
from quota_exporter.providers.aws.api import AwsApi
from quota_exporter.providers.aws.bounds import bounds
from quota_exporter.providers.aws.limits import adjustable
from quota_exporter.source import Answer, Effort, Source

START = "service-quotas.StartQuotaUtilizationReport"
GET = "service-quotas.GetQuotaUtilizationReport"

PAUSE = 5.0
PATIENCE = 600.0
"""Seconds within which a report is ready; usually it takes some."""


async def utilization(api: AwsApi, target: Target) -> Answer:
    """`quota_usage{quota_code="L-1216C47A",service_code="ec2",…} 64.0`"""
    report = (await api.call(START))["ReportId"]
    return [reading async for row in _rows(api, report) for reading in _readings(api, target, row)]


async def _rows(api: AwsApi, report: str) -> AsyncIterator[dict[str, Any]]:
    """The rows of a report, when it is ready; no paginator knows this operation."""
    params: dict[str, Any] = {"ReportId": report, "MaxResults": 1000}
    until = api.budget.clock() + PATIENCE
    while True:
        page = await api.call(GET, **params)
        if page["Status"] == "FAILED":
            raise Unavailable(f"{page.get('ErrorCode', '')}: {page.get('ErrorMessage', '')}", operation=GET)
        if page["Status"] != "COMPLETED":
            if api.budget.clock() > until:
                raise TimedOut(f"no report within {PATIENCE:g} s", operation=GET)
            await asyncio.sleep(PAUSE)
            continue
        for row in page["Quotas"]:
            yield row
        if not page.get("NextToken"):
            return
        params["NextToken"] = page["NextToken"]


def _readings(api: AwsApi, target: Target, row: dict[str, Any]) -> Iterator[Reading]:
    """What a row says, unless the catalogue or discovery tells the quota."""
    known = api.account.known(row["ServiceCode"])
    if known is None or row["QuotaCode"] in known or row.get("Utilization") is None or row.get("AppliedValue") is None:
        return
    name = str(row.get("QuotaName") or row["QuotaCode"])
    quota = Quota(
        service_code=row["ServiceCode"],
        quota_code=row["QuotaCode"],
        name=name,
        unit="units",
        kind="allocation",
        adjustable=adjustable(row.get("Adjustable")),
        usage_source="utilization_report",
        limit_source="provider",
    )
    limit = float(row["AppliedValue"])
    yield Reading(target, quota, USAGE, limit * float(row["Utilization"]) / 100)
    yield from bounds(target, quota, "", limit, None)


SOURCE: Source[AwsApi] = Source(
    name="utilization_report",
    ask=utilization,
    every=3600,
    exports="usage of every other quota that AWS measures, from the percentages of its utilization report",
    permissions=(action(START), action(GET)),
    enabled=False,
    applies=lambda account, target: target.region != "global",
    effort=lambda account: Effort(3),
)
