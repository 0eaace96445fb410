"""The catalogue: quotas whose usage AWS does not tell together with their limit, as rows of data.

The rows that are shipped are in catalog.yaml; users add rows of the same form in their config (`aws[].catalog`).
"""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, AliasChoices, Discriminator, Field, Tag, ValidationInfo, model_validator

from quota_exporter.model import Kind
from quota_exporter.providers.aws.actions import action
from quota_exporter.settings import Duration, Section

PATH = Path(__file__).parent / "catalog.yaml"

USAGE_METRIC = "metric"
SHIPPED = "shipped"

LIMIT_CALLS = ("service-quotas.ListServiceQuotas", "service-quotas.ListAWSDefaultServiceQuotas")


@lru_cache(maxsize=2048)
def compiled(expression: str) -> Any:
    """A JMESPath expression, ready to `search` with; ValueError says what is wrong with it."""
    import jmespath

    return jmespath.compile(expression)


def _expression(value: str, info: ValidationInfo) -> str:
    # Shipped rows are checked by a test: those who do not poll AWS need no jmespath.
    if info.context != SHIPPED:
        try:
            compiled(value)
        except ImportError:
            # `connect` tells what is not installed.
            return value
        except ValueError as error:
            raise ValueError(f"no JMESPath expression: {str(error).partition(chr(10))[0]}") from None
    return value


def _call(value: str) -> str:
    service, dot, operation = value.partition(".")
    if not (service and dot and operation.isalnum() and operation[0].isupper()):
        raise ValueError("no call; write it like ec2.DescribeSubnets: boto3's name of the service, AWS's of the operation")
    if not operation.startswith(("BatchGet", "Describe", "Get", "List")):
        raise ValueError("this may write; only calls named BatchGet…, Describe…, Get… and List… are made")
    return value


Expression = Annotated[str, AfterValidator(_expression)]
Call = Annotated[str, AfterValidator(_call)]


class Step(Section):
    """A list whose items are each asked for something more."""

    call: Call = Field(description="Lists them.")
    params: dict[str, Any] = Field(default_factory=dict, description="Of the call.")
    items: Expression = Field(description="JMESPath, from a page to names or ids.")
    variable: str = Field(validation_alias=AliasChoices("as", "variable"), description="What `${…}` calls the item.")


class Counted(Section):
    """Usage as a number in an answer, or by counting what a list has."""

    each: tuple[Step, ...] = Field((), description="Lists, one inside the other; the call is made once per item.")
    call: Call = Field(description="What is asked: all its pages, where it has pages.")
    params: dict[str, Any] = Field(default_factory=dict, description="Of the call; `${account}` and `${region}` are replaced.")
    count: Expression | None = Field(None, description="JMESPath, from a page to the items that count.")
    value: Expression | None = Field(
        None, description="JMESPath: what an item counts for; without `count`, the number in the answer."
    )
    per: Expression | None = Field(None, description="JMESPath, from an item to the id of the resource that has the limit.")
    factor: float = Field(1.0, description="What the sum is multiplied by, to come to the unit of the limit.")

    @model_validator(mode="after")
    def _something(self) -> "Counted":
        if self.count is None and self.value is None:
            raise ValueError("needs `count` (a list that is counted) or `value` (a number in the answer)")
        return self

    @property
    def calls(self) -> tuple[str, ...]:
        """Every call that is made."""
        return (*(step.call for step in self.each), self.call)


class Metric(Section):
    """Usage as a metric of CloudWatch that Service Quotas does not name."""

    namespace: str = Field(description="Such as AWS/Lambda.")
    metric: str = Field(description="Such as ConcurrentExecutions.")
    statistic: Literal["Maximum", "Sum"] = Field("Maximum", description="Maximum for what exists, Sum for what happens.")
    dimensions: dict[str, str] = Field(default_factory=dict, description="All dimensions of the metric.")

    @property
    def calls(self) -> tuple[str, ...]:
        """The call that reads it."""
        return ("cloudwatch.GetMetricData", "cloudwatch.ListMetrics")


FunctionName = Literal[
    "asg_max_size",
    "nat_gateways_per_zone",
    "network_address_usage",
    "network_address_usage_peered",
    "registered_clusters",
    "routes_per_table",
    "security_group_rules",
    "trust_policy_length",
]


class Function(Section):
    """Usage by code, where a row cannot say it."""

    function: FunctionName = Field(description="Which code.")
    calls: tuple[Call, ...] = Field(description="The calls that it makes.")


class Value(Section):
    """A limit as a number in an answer."""

    call: Call = Field(description="What is asked.")
    params: dict[str, Any] = Field(default_factory=dict, description="Of the call.")
    value: Expression = Field(description="JMESPath, from the answer to the number.")
    factor: float = Field(1.0, description="What it is multiplied by, to come to the unit of the usage.")


def _form(value: Any) -> str:
    if isinstance(value, str):
        return USAGE_METRIC
    fields = value if isinstance(value, dict) else getattr(type(value), "model_fields", {})
    return "function" if "function" in fields else "named" if "metric" in fields else "counted"


Usage = Annotated[
    Annotated[Literal["metric"], Tag(USAGE_METRIC)]
    | Annotated[Metric, Tag("named")]
    | Annotated[Function, Tag("function")]
    | Annotated[Counted, Tag("counted")],
    Discriminator(_form),
]


class Row(Section):
    """A quota, and how its usage is read."""

    service: str = Field(min_length=1, description="Service Quotas' code of the service, such as `vpc`.")
    quota: str = Field(min_length=1, description="Service Quotas' code of the quota, such as `L-407747CB`; else one of your own.")
    name: str = Field(min_length=1, description="The quota in words.")
    unit: str = Field(min_length=1, description="Of usage, limit and ceiling, such as `subnets`; of a rate without its period.")
    source: str = Field("", description="Of shipped rows: the source that polls it, where it is not named after the service.")
    region: Literal["", "global"] = Field("", description="`global` if it is the same in all regions, and asked once.")
    kind: Kind = Field("allocation", description="What is limited.")
    usage: Usage = Field(description="`metric` for the metric that Service Quotas names, else a call or a metric.")
    limit: Value | float | None = Field(
        None, description="Where the limit stands, or what it is where only a document tells it; in Service Quotas if not given."
    )
    ceiling: float | None = Field(None, gt=0, description="The furthest AWS raises it, where its documentation says so.")
    adjustable: bool | None = Field(None, description="Whether it can be raised, where Service Quotas does not say.")
    doc: str = Field("", description="The page of AWS's documentation that says it.")

    @property
    def calls(self) -> tuple[str, ...]:
        """Every call that it takes, those for its limit in Service Quotas left out."""
        usage = ("cloudwatch.GetMetricData", "cloudwatch.ListMetrics") if isinstance(self.usage, str) else self.usage.calls
        return (*usage, *((self.limit.call,) if isinstance(self.limit, Value) else ()))

    @property
    def per_resource(self) -> bool:
        """Whether each of many resources has the limit."""
        usage = self.usage
        return isinstance(usage, Function) or (isinstance(usage, Counted) and bool(usage.per or usage.each))

    @property
    def usage_source(self) -> str:
        """How the usage is read, in a word."""
        if isinstance(self.usage, str):
            return "usage_metric"
        if isinstance(self.usage, Metric):
            return "cloudwatch"
        return "account_limits" if isinstance(self.usage, Counted) and self.usage.count is None else "list"


class RowSource(Section):
    """A source that polls some rows of the catalogue."""

    every: Duration = Field(1800.0, description="Time between two polls.")
    enabled: bool = Field(True, description="Whether it is polled unless the config says otherwise.")
    exports: str = Field("", description="What it tells, in words.")


class Catalog(Section):
    """All rows, and the sources that poll them."""

    sources: dict[str, RowSource] = Field(default_factory=dict, description="Sources that are not simply a service.")
    quotas: tuple[Row, ...] = Field(description="The rows.")

    def by_source(self) -> Iterator[tuple[str, RowSource, tuple[Row, ...]]]:
        """Every source, with its rows."""
        rows: dict[str, list[Row]] = {}
        for row in self.quotas:
            rows.setdefault(row.source or row.service, []).append(row)
        for name, found in rows.items():
            yield name, self.sources.get(name, RowSource()), tuple(found)


def actions(rows: tuple[Row, ...]) -> tuple[str, ...]:
    """The IAM actions that some rows need, limits included."""
    calls = {call for row in rows for call in row.calls}
    return tuple(sorted({action(call) for call in calls} | set(map(action, LIMIT_CALLS))))


@lru_cache(maxsize=1)
def shipped() -> Catalog:
    """The rows that come with the exporter."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return Catalog.model_validate(yaml.load(PATH.read_text(), loader), context=SHIPPED)  # noqa: S506 - either is safe


@lru_cache
def codes(service: str) -> frozenset[str]:
    """The codes of a service's quotas that the shipped rows have."""
    return frozenset(row.quota for row in shipped().quotas if row.service == service)
