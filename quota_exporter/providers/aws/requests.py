"""Source `increase_requests`: what was asked for, and what became of it.

https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_RequestedServiceQuotaChange.html
"""

from datetime import datetime
from typing import Any

from quota_exporter.errors import ApiError, Malformed
from quota_exporter.families import INCREASE_REQUEST, INCREASE_REQUEST_CREATED
from quota_exporter.model import IncreaseRequest, Reading, Target
from quota_exporter.providers.aws.actions import action
from quota_exporter.providers.aws.api import AwsApi
from quota_exporter.providers.aws.limits import context
from quota_exporter.source import Answer, Source

HISTORY = "service-quotas.ListRequestedServiceQuotaChangeHistory"

STATUS = {
    "PENDING": "pending",
    "CASE_OPENED": "pending",
    "APPROVED": "approved",
    "DENIED": "denied",
    "NOT_APPROVED": "denied",
    "CASE_CLOSED": "closed",
    "INVALID_REQUEST": "closed",
}

SHOWN_FOR = 7 * 86_400.0
"""Seconds for which a request is shown after it was closed."""


async def increase_requests(api: AwsApi, target: Target) -> Answer:
    """`quota_increase_request{quota_code="L-F678F1CE",service_code="vpc",status="pending",…} 20.0`"""
    newest: dict[tuple[str, str, str], dict[str, Any]] = {}
    async for page in api.pages(HISTORY, QuotaRequestedAtLevel="ALL", MaxResults=100):
        for request in page["RequestedQuotas"]:
            # Requests for global quotas are listed in one region, and told once.
            if bool(request.get("GlobalQuota")) is (target.region == "global"):
                place = (request["ServiceCode"], request["QuotaCode"], context(request))
                if place not in newest or _time(request["Created"]) > _time(newest[place]["Created"]):
                    newest[place] = request
    answer: list[Reading | ApiError] = []
    for (service, quota, resource), request in newest.items():
        status = STATUS.get(request["Status"])
        if status is None:
            answer.append(Malformed(f"{service} {quota}: unknown status {request['Status']}", operation=HISTORY))
        elif status == "pending" or api.now() - _time(request.get("LastUpdated") or request["Created"]) < SHOWN_FOR:
            asked = IncreaseRequest(service, quota, status)
            answer.append(Reading(target, asked, INCREASE_REQUEST, request["DesiredValue"], resource))
            made = IncreaseRequest(service, quota)
            answer.append(Reading(target, made, INCREASE_REQUEST_CREATED, _time(request["Created"]), resource))
    return answer


def _time(value: float | datetime) -> float:
    """Seconds since 1970."""
    return value.timestamp() if isinstance(value, datetime) else float(value)


SOURCE: Source[AwsApi] = Source(
    name="increase_requests",
    ask=increase_requests,
    every=900,
    exports="the newest request to raise each limit, with its status",
    permissions=(action(HISTORY),),
)
