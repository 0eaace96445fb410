"""Reports of utilization: https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetQuotaUtilizationReport.html."""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from quota_exporter.demo.aws.calls import Asked, Json
from quota_exporter.demo.aws.wire import Failure

KEPT = 15 * 60
"""Seconds after which a report is deleted."""


class HasQuota(Protocol):
    """A quota with its default."""

    @property
    def applied(self) -> Json:
        """As `ServiceQuota`."""

    @property
    def default(self) -> float:
        """AWS's own value."""


@dataclass
class Report:
    """A report that was started."""

    account: str
    region: str
    started: float
    asked: int = 0


class Reports:
    """What can be told of the utilization of quotas.

    Attributes:
        percent: Utilization in percent, by account, Region, service and quota; `*` stands for every account and every Region.
        pending: How often a report is pending when it is asked for.
        in_progress: How often it is in progress after that.
        failure: An ErrorCode with which every report fails; empty: none does.
        reused: Seconds for which a report is given again to who starts another.
    """

    def __init__(self, clock: Callable[[], float], quotas: Callable[[str, str], Iterable[HasQuota]]):
        self.percent: dict[tuple[str, str, str, str], float] = {}
        self.pending = 1
        self.in_progress = 1
        self.failure = ""
        self.reused = 0.0
        self._clock = clock
        self._quotas = quotas
        self._reports: dict[str, Report] = {}

    def start(self, asked: Asked) -> Json:
        """A new report, or the last one where that is young enough."""
        account, region, now = asked.call.account, asked.call.region, self._clock()
        for number, report in self._reports.items():
            if (report.account, report.region) == (account, region) and now - report.started < self.reused:
                return {"ReportId": number, "Status": self._status(report), "Message": "A recent report is reused."}
        number = uuid.uuid4().hex
        self._reports[number] = Report(account, region, now)
        return {"ReportId": number, "Status": "PENDING", "Message": "The report is being made."}

    def read(self, asked: Asked) -> Json:
        """How far a report is, and its rows once it is complete, highest first."""
        number = asked.params["ReportId"]
        report = self._reports.get(number)
        mine = report is not None and (report.account, report.region) == (asked.call.account, asked.call.region)
        if report is None or not mine or self._clock() - report.started > KEPT:
            raise Failure("NoSuchResourceException", f"The report {number} does not exist.")
        status = self._status(report)
        report.asked += 1
        answer: Json = {"ReportId": number, "Status": status}
        if status == "FAILED":
            return answer | {"ErrorCode": self.failure, "ErrorMessage": "The report could not be made."}
        if status != "COMPLETED":
            return answer
        rows = self._rows(report.account, report.region)
        return answer | {"GeneratedAt": datetime.fromtimestamp(report.started, UTC), "TotalCount": len(rows), "Quotas": rows}

    def _status(self, report: Report) -> str:
        if report.asked < self.pending:
            return "PENDING"
        if report.asked < self.pending + self.in_progress:
            return "IN_PROGRESS"
        return "FAILED" if self.failure else "COMPLETED"

    def _rows(self, account: str, region: str) -> list[Json]:
        rows = []
        for quota in self._quotas(account, region):
            service, code = quota.applied["ServiceCode"], quota.applied["QuotaCode"]
            keys = [(a, r, service, code) for a in (account, "*") for r in (region, "*")]
            percent = next((self.percent[key] for key in keys if key in self.percent), None)
            if percent is not None:
                metric = quota.applied.get("UsageMetric", {})
                rows.append(
                    {
                        "QuotaCode": code,
                        "ServiceCode": service,
                        "QuotaName": quota.applied["QuotaName"],
                        "Namespace": metric.get("MetricNamespace", "AWS/Usage"),
                        "Utilization": float(percent),
                        "DefaultValue": quota.default,
                        "AppliedValue": quota.applied.get("Value", quota.default),
                        "ServiceName": quota.applied["ServiceName"],
                        "Adjustable": quota.applied["Adjustable"],
                    }
                )
        return sorted(rows, key=lambda row: -row["Utilization"])
