"""Every exported metric: its whole name, type, help and labels, in the order of the exposition.

The labels of a family are its own ones beside `account`, `provider` and `region`, which every family has that is read
of a provider. Names never change with data: a quota is a label, not a metric.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """One exported metric.

    Attributes:
        name: The whole name, as in the text format (a counter's ends in `_total`).
        type: `info` is a gauge of 1 in the text format.
        help: What it means, with its unit; ends up in HELP.
        labels: The labels that a series may have beside the target's.
        unit: What UNIT says in OpenMetrics; the name must end with it.
    """

    name: str
    type: Literal["gauge", "counter", "info", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    unit: str = ""


QUOTA_LABELS = ("quota_code", "resource", "service_code")

USAGE = Family(
    "quota_usage",
    "gauge",
    "How much of the quota is in use, in the quota's unit (see quota_info), as last polled in the background.",
    QUOTA_LABELS,
)
LIMIT = Family(
    "quota_limit",
    "gauge",
    "The limit in force now (the soft bound where it can be raised), in the quota's unit; absent where nobody told one.",
    QUOTA_LABELS,
)
CEILING = Family(
    "quota_ceiling",
    "gauge",
    "The furthest the limit can ever be raised (the hard bound), in the quota's unit; absent where nobody knows.",
    QUOTA_LABELS,
)
INFO = Family(
    "quota_info",
    "info",
    "Facts about a quota: its name in words, unit, kind, whether it can be raised, and who told its usage and limit.",
    ("account_name", "adjustable", "kind", "limit_source", "quota_code", "quota_name", "service_code", "unit", "usage_source"),
)
OMITTED_RESOURCES = Family(
    "quota_omitted_resources",
    "gauge",
    "How many resources of a quota that is per resource are not shown, because others are closer to the limit.",
    ("quota_code", "service_code"),
)
INCREASE_REQUEST = Family(
    "quota_increase_request",
    "gauge",
    "The limit asked for by the newest request to raise it, with its status; vanishes 7 days after the request was closed.",
    (*QUOTA_LABELS, "status"),
)
INCREASE_REQUEST_CREATED = Family(
    "quota_increase_request_created_timestamp_seconds",
    "gauge",
    "When the newest request to raise the limit was made.",
    QUOTA_LABELS,
    "seconds",
)
API_REQUESTS = Family(
    "quota_api_requests_total",
    "counter",
    "Provider API calls made by anyone in the account, as the provider reports them; for kube-apiserver per priority level.",
    ("operation", "service_code"),
)
API_THROTTLED = Family(
    "quota_api_throttled_requests_total",
    "counter",
    "Provider API calls made by anyone in the account that the provider refused for being too many, as it reports them.",
    ("operation", "reason", "service_code"),
)
OMITTED_QUOTAS = Family(
    "quota_exporter_omitted_quotas",
    "gauge",
    "Quotas that the provider lists and the configuration selects, but that are not exported, because there are too many.",
    ("service_code",),
)
REQUESTS = (INCREASE_REQUEST, INCREASE_REQUEST_CREATED)
READ = (USAGE, LIMIT, CEILING, OMITTED_RESOURCES, *REQUESTS, API_REQUESTS, API_THROTTLED, OMITTED_QUOTAS)
"""The families that sources read of a provider: what a `Reading` can measure."""

POLL_SUCCESS = Family(
    "quota_exporter_poll_success",
    "gauge",
    "Whether the last poll of this source and target got every answer (1) or not (0).",
    ("source",),
)
POLL_FAILURE_REASON = Family(
    "quota_exporter_poll_failure_reason",
    "gauge",
    "1 for each reason, operation and missing permission for which the last poll of this source and target failed.",
    ("operation", "permission", "reason", "source"),
)
LAST_SUCCESS = Family(
    "quota_exporter_last_success_timestamp_seconds",
    "gauge",
    "When this source and target were last polled with success.",
    ("source",),
    "seconds",
)
JOBS = (POLL_SUCCESS, POLL_FAILURE_REASON, LAST_SUCCESS)
"""The families that tell of a job: source and target."""

API_CALLS = Family(
    "quota_exporter_api_calls_total",
    "counter",
    "Calls that this exporter itself made, retries included.",
    ("service_code",),
)
API_CALLS_THROTTLED = Family(
    "quota_exporter_api_throttled_total",
    "counter",
    "Calls of this exporter itself that the provider refused for being too many.",
    ("service_code",),
)
API_COST = Family(
    "quota_exporter_api_cost_usd_total",
    "counter",
    "What the calls of this exporter itself are billed at, at list price in US dollars; absent where calls are free.",
    ("service_code",),
    "usd",
)
BUDGET_AVAILABLE = Family(
    "quota_exporter_budget_available_ratio",
    "gauge",
    "Part of the published burst that this exporter still allows itself: falls with use, and for a while after throttling.",
    ("operation", "service_code"),
    "ratio",
)
CALLS = (API_CALLS, API_CALLS_THROTTLED, API_COST, BUDGET_AVAILABLE)
"""The families that tell what the exporter itself asks of an account."""

POLL_DURATION = Family(
    "quota_exporter_poll_duration_seconds",
    "histogram",
    "How long polls took, retries and waiting for the budget included.",
    ("provider", "source"),
    "seconds",
)
SERIES = Family("quota_exporter_series", "gauge", "Series that are read of providers and exported now.", ("provider",))
DROPPED = Family(
    "quota_exporter_dropped_series",
    "gauge",
    "Series that are not exported now because another source already tells them, or their value is no number.",
    ("provider",),
)
TARGETS = Family("quota_exporter_targets", "gauge", "Targets that are polled: account and region.", ("provider",))
BUILD = Family("quota_exporter_build_info", "info", "The running version.", ("python", "version"))
RELOAD_SUCCESS = Family(
    "quota_exporter_config_last_reload_successful",
    "gauge",
    "Whether the last reload of the configuration worked (1) or the file was refused and nothing changed (0).",
)
RELOAD_TIME = Family(
    "quota_exporter_config_last_reload_success_timestamp_seconds",
    "gauge",
    "When the configuration was last loaded with success.",
    unit="seconds",
)
OWN = (POLL_DURATION, SERIES, DROPPED, TARGETS, BUILD, RELOAD_SUCCESS, RELOAD_TIME)
"""The families that do not grow with the fleet; prometheus-client renders them."""

SEGMENTED = (
    *(USAGE, LIMIT, CEILING, INFO, OMITTED_RESOURCES, *REQUESTS, API_REQUESTS, API_THROTTLED),
    *(OMITTED_QUOTAS, *JOBS, *CALLS),
)
"""The families that grow with the fleet, in the order of the exposition; rendered in segments at poll time."""

FAMILIES = (*SEGMENTED, *OWN)
