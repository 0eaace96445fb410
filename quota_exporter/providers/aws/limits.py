"""Limits as Service Quotas tells them: applied ones, and defaults where none is applied.

https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_ServiceQuota.html
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from sys import intern
from types import MappingProxyType
from typing import Any, NamedTuple

from quota_exporter.errors import ApiError, Denied, Disabled, Malformed, Throttled, Unavailable
from quota_exporter.model import Adjustable, TellsLimit
from quota_exporter.providers.aws.answers import Missing, Repeated
from quota_exporter.providers.aws.api import AwsApi

APPLIED = "service-quotas.ListServiceQuotas"
DEFAULT = "service-quotas.ListAWSDefaultServiceQuotas"

EVERY = 3600.0
"""Seconds for which applied limits are as good as new: they change when somebody asks for it."""

DEFAULTS_EVERY = 86_400.0

SECONDS = {
    "MICROSECOND": 1e-6,
    "MILLISECOND": 1e-3,
    "SECOND": 1.0,
    "MINUTE": 60.0,
    "HOUR": 3600.0,
    "DAY": 86_400.0,
    "WEEK": 604_800.0,
}
SHORT = {"MICROSECOND": "us", "MILLISECOND": "ms", "SECOND": "s", "MINUTE": "min", "HOUR": "h", "DAY": "d", "WEEK": "week"}

NONE: Mapping[str, float] = MappingProxyType({})

REASONS: dict[str, type[ApiError]] = {
    "DEPENDENCY_ACCESS_DENIED_ERROR": Denied,
    "DEPENDENCY_THROTTLING_ERROR": Throttled,
    "DEPENDENCY_SERVICE_ERROR": Unavailable,
    "SERVICE_QUOTA_NOT_AVAILABLE_ERROR": Disabled,
}
"""Why Service Quotas could not say the value of a quota that it lists."""


class Period(NamedTuple):
    """Of a rate: `seconds` long, and how it is written behind `requests/`."""

    seconds: float
    text: str


class UsageMetric(NamedTuple):
    """The metric of CloudWatch that has the usage."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Limit:
    """A quota of Service Quotas, in an account and a region.

    Attributes:
        name: In words.
        value: The limit for the account, and for each resource that has none of its own; None where it is not told.
        source: `provider` for an applied value, `documented` where only the default is told.
        resources: Limits of single resources, by their bare ids.
        error: Why the value is not told; None where nothing failed.
        is_global: Whether it is the same in all regions, and told in one.
    """

    name: str
    adjustable: Adjustable
    value: float | None = None
    source: TellsLimit = ""
    period: Period | None = None
    metric: UsageMetric | None = None
    resources: Mapping[str, float] = field(default_factory=lambda: NONE)
    error: ApiError | None = None
    is_global: bool = False


Limits = dict[str, Limit]
"""The quotas of a service, by code."""


async def limits(api: AwsApi, service: str) -> Limits:
    """The quotas of a service that are in the catalogue, all where the rest is wanted too; none where the region has none.

    Raises:
        ApiError: A list could not be read.
    """
    return await api.cached(("limits", service), partial(_merged, api, service), EVERY)


async def _merged(api: AwsApi, service: str) -> Limits:
    """What is applied, and defaults of what Service Quotas cannot tell the applied value of."""
    found = dict(await api.cached(("defaults", service), partial(_defaults, api, service), DEFAULTS_EVERY))
    applied: Limits = {}
    async for quota in _listed(api, APPLIED, service, QuotaAppliedAtLevel="ALL"):
        code = quota["QuotaCode"]
        limit = applied[code] = applied.get(code) or _facts(quota)
        _apply(limit, quota)
    for code, limit in applied.items():
        if limit.value is None and limit.error is None and code in found:
            # Only single resources have applied values: all others have the default.
            limit.value, limit.source = found[code].value, found[code].source
    return _alike(found | applied)


async def _defaults(api: AwsApi, service: str) -> Limits:
    found: Limits = {}
    async for quota in _listed(api, DEFAULT, service):
        limit = found[quota["QuotaCode"]] = _facts(quota)
        limit.value, limit.source = _value(quota), "documented"
    return _alike(found)


def _alike(found: Limits) -> Limits:
    """The same, with one object for what many targets have alike: of thousands of targets, most have most."""
    return {
        intern(code): limit if limit.resources or limit.error else _limit(**{name: getattr(limit, name) for name in SHARED})
        for code, limit in found.items()
    }


SHARED = ("name", "adjustable", "value", "source", "period", "metric", "is_global")
"""What two targets may have alike of a limit: all but what is of single resources, or failed."""

_limit = lru_cache(maxsize=10_000)(Limit)


async def _listed(api: AwsApi, call: str, service: str, **params: Any) -> AsyncIterator[dict[str, Any]]:
    """Each quota that is wanted, once.

    The lists of some services never end: they repeat their last page or its token. What is on the pages before is whole.
    """
    seen: set[tuple[str, str]] = set()
    wanted = api.account.known(service)
    try:
        async for page in api.pages(call, ServiceCode=service, MaxResults=100, **params):
            fresh = {place: quota for quota in page["Quotas"] if (place := (quota["QuotaCode"], context(quota))) not in seen}
            seen |= fresh.keys()
            for quota in fresh.values():
                if wanted is None or quota["QuotaCode"] in wanted:
                    yield quota
            if page["Quotas"] and not fresh:
                return
    except Repeated:
        return
    except Missing:
        # A service that this region does not have.
        return


def context(quota: dict[str, Any]) -> str:
    """Bare id of the resource that a limit, or a request to raise it, is for; empty where it is for the account or for all.

    https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_QuotaContextInfo.html
    """
    told = quota.get("QuotaContext") or {}
    arn = str(told.get("ContextId") or "")
    return "" if told.get("ContextScope") != "RESOURCE" or arn == "*" else arn.rpartition(":")[2].rpartition("/")[2]


def adjustable(told: bool | None) -> Adjustable:
    """Whether a limit can be raised, as the label has it."""
    return "unknown" if told is None else "true" if told else "false"


def _facts(quota: dict[str, Any]) -> Limit:
    # Of thousands of targets, most have the same.
    name, is_global = intern(str(quota.get("QuotaName") or "")), bool(quota.get("GlobalQuota"))
    return Limit(name, adjustable(quota.get("Adjustable")), period=_period(quota), metric=_metric(quota), is_global=is_global)


def _apply(limit: Limit, quota: dict[str, Any]) -> None:
    if reason := quota.get("ErrorReason"):
        code = str(reason.get("ErrorCode") or "")
        text = f"{quota['QuotaCode']} ({limit.name}): {code}: {reason.get('ErrorMessage') or ''}"
        limit.error = REASONS.get(code, Malformed)(text, operation=APPLIED)
    elif (value := _value(quota)) is None:
        return
    elif resource := context(quota):
        limit.resources = {**limit.resources, resource: value}
    else:
        limit.value, limit.source = value, "provider"


def _value(quota: dict[str, Any]) -> float | None:
    value = quota.get("Value")
    return None if value is None else float(value)


def _period(quota: dict[str, Any]) -> Period | None:
    told = quota.get("Period") or {}
    return _period_of(told.get("PeriodValue"), told.get("PeriodUnit"))


@lru_cache
def _period_of(count: int | None, unit: str | None) -> Period | None:
    if not count or unit not in SECONDS:
        return None
    return Period(count * SECONDS[unit], SHORT[unit] if count == 1 else f"{count:g} {SHORT[unit]}")


def _metric(quota: dict[str, Any]) -> UsageMetric | None:
    told = quota.get("UsageMetric") or {}
    if not (told.get("MetricNamespace") and told.get("MetricName")):
        return None
    return metric_of(told["MetricNamespace"], told["MetricName"], tuple(sorted((told.get("MetricDimensions") or {}).items())))


metric_of = lru_cache(maxsize=10_000)(UsageMetric)
"""The metric of these names; the same object for most targets, which have most metrics in common."""
