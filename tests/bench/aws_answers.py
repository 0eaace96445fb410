"""What the fake AWS answers: lists of Service Quotas, points of CloudWatch, and of everything else what its model allows.

Every answer is made once, before anything is measured. `ACCOUNT` in it stands for the account that asks.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from quota_exporter.demo.aws import cbor
from quota_exporter.providers.aws.catalog import Row, shipped

ACCOUNT = "000000000000"
ITEMS = 10
"""In each list of things; of names in a list, by which more is asked, there are only NAMES."""

PLACE = "0a1b2c3d4e5f"
"""Stands for the account and region that are asked, in names of things: no two places have the same."""

NAMES = 2
DEPTH = 4
PAGE = 100
METRICS = 200
NOW = 1_790_000_000
SCALARS: dict[str, Any] = {"boolean": False, "integer": 1, "long": 1, "float": 1.0, "double": 1.0}
WORDS = {
    "OwnerId": ACCOUNT,
    "GroupOwnerId": ACCOUNT,
    "AvailabilityZone": "zone-a",
    "CidrBlock": "10.0.0.0/24",
    "Path": "/",
    "AssumeRolePolicyDocument": quote("{}"),
}


@lru_cache
def metric(row: Row) -> dict[str, Any]:
    """The metric that Service Quotas names for a row whose usage is one."""
    dimensions = {"Class": "None", "Resource": row.quota, "Service": row.service.upper(), "Type": "Resource"}
    return {"MetricNamespace": "AWS/Usage", "MetricName": "ResourceCount", "MetricDimensions": dimensions}


def quotas(service: str) -> bytes:
    """A page of a hundred quotas, among them those of the catalogue; 55 KB, as real ones."""
    rows = [row for row in shipped().quotas if row.service == service][:PAGE]
    listed = [_quota(service, row.quota, row.name, row) for row in rows]
    further = range(PAGE - len(rows))
    listed += [_quota(service, f"L-{number:08X}", f"Things of kind {number} per Region", None) for number in further]
    return json.dumps({"Quotas": listed}).encode()


def _quota(service: str, code: str, name: str, row: Row | None) -> dict[str, Any]:
    arn = f"arn:aws:servicequotas:us-east-1:{ACCOUNT}:{service}/{code}"
    told: dict[str, Any] = {"ServiceCode": service, "ServiceName": f"Service named {service}", "QuotaArn": arn, "QuotaCode": code}
    told |= {"QuotaName": name, "Value": 1000.0, "Unit": "None", "Adjustable": True, "GlobalQuota": False}
    told |= {"QuotaAppliedAtLevel": "ACCOUNT", "Description": f"The most that there may be of {name}. ".ljust(180, "x")}
    if row is not None and row.kind == "rate":
        told["Period"] = {"PeriodValue": 1, "PeriodUnit": "SECOND"}
    if row is not None and row.usage == "metric":
        told["UsageMetric"] = metric(row) | {"MetricStatisticRecommendation": "Maximum"}
    return told


def active() -> bytes:
    """The metrics that had points lately."""
    named = [metric(row) for row in shipped().quotas if row.usage == "metric"]
    metrics = [_listed(one["MetricName"], one["MetricDimensions"]) for one in named]
    calls = ({"Class": "None", "Resource": f"Get{number}", "Service": "X", "Type": "API"} for number in range(METRICS))
    metrics += [_listed("CallCount", dimensions) for dimensions in calls]
    return json.dumps({"Metrics": metrics}).encode()


def _listed(name: str, dimensions: dict[str, str]) -> dict[str, Any]:
    return {"Namespace": "AWS/Usage", "MetricName": name, "Dimensions": [{"Name": n, "Value": v} for n, v in dimensions.items()]}


@lru_cache
def points(queries: int, binary: bool) -> bytes:
    """Six points for each of so many queries, in JSON or CBOR."""
    times = [NOW - 300 * number for number in range(6)]
    results = [
        {
            "Id": f"q{number}",
            "Label": "ResourceCount",
            "Timestamps": [datetime.fromtimestamp(time, UTC) for time in times] if binary else times,
            "Values": [float(number)] * 6,
            "StatusCode": "Complete",
        }
        for number in range(queries)
    ]
    answer = {"MetricDataResults": results, "Messages": []}
    return cbor.encode(answer) if binary else json.dumps(answer).encode()


def modelled(operation: OperationModel) -> bytes:
    """An answer of any other operation: a few things, in the protocol of its service."""
    protocol = operation.service_model.metadata["protocol"]
    shape = operation.output_shape
    value = {} if shape is None else _value(shape, "", 0, 0)
    value = {name: member for name, member in value.items() if not _is_token(name)}
    if protocol in ("json", "rest-json"):
        return json.dumps(value if shape is None else _renamed(shape, value)).encode()
    if shape is None:
        return b""
    text = "".join(_members(shape, value, protocol == "ec2"))
    if protocol == "query" and (wrapper := shape.serialization.get("resultWrapper")):
        text = f"<{wrapper}>{text}</{wrapper}>"
    return f"<{operation.name}Response>{text}</{operation.name}Response>".encode()


def _is_token(name: str) -> bool:
    return any(part in name.lower() for part in ("token", "marker", "truncated", "lastevaluated"))


def _value(shape: Shape, name: str, index: int, depth: int) -> Any:
    """Something that a shape allows."""
    if isinstance(shape, StructureShape):
        if depth > DEPTH:
            return {}
        members = shape.members.items()
        return {key: _value(member, key, index, depth + 1) for key, member in members if "location" not in member.serialization}
    if isinstance(shape, ListShape):
        many = 1 if depth > 1 else ITEMS if isinstance(shape.member, StructureShape) else NAMES
        return [_value(shape.member, name, index if depth > 1 else number, depth + 1) for number in range(many)]
    if isinstance(shape, MapShape):
        return {key: _value(shape.value, key, index, depth + 1) for key in getattr(shape.key, "enum", ())}
    if shape.type_name == "timestamp":
        return "2099-01-01T00:00:00Z"
    if shape.type_name != "string":
        return SCALARS.get(shape.type_name, "")
    return WORDS.get(name) or (shape.enum[0] if shape.enum else f"{name.lower()[:4]}-{index:04d}{PLACE}")


def _renamed(shape: Shape, value: Any) -> Any:
    """With the names of the wire in the place of the model's; times as numbers."""
    if isinstance(shape, StructureShape):
        return {shape.members[k].serialization.get("name", k): _renamed(shape.members[k], v) for k, v in value.items()}
    if isinstance(shape, ListShape):
        return [_renamed(shape.member, item) for item in value]
    return NOW if shape.type_name == "timestamp" else value


def _members(shape: StructureShape, value: dict[str, Any], ec2: bool) -> Iterator[str]:
    for key, member in value.items():
        of = shape.members[key]
        name = of.serialization.get("name", key)
        if isinstance(of, ListShape) and of.serialization.get("flattened"):
            yield from (_element(of.member.serialization.get("name", name), of.member, item, ec2) for item in member)
        else:
            yield _element(name, of, member, ec2)


def _element(name: str, shape: Shape, value: Any, ec2: bool) -> str:
    if isinstance(shape, StructureShape):
        text = "".join(_members(shape, value, ec2))
    elif isinstance(shape, ListShape):
        item = shape.member.serialization.get("name", "item" if ec2 else "member")
        text = "".join(_element(item, shape.member, one, ec2) for one in value)
    elif isinstance(shape, MapShape):
        text = "".join(f"<entry><key>{k}</key>{_element('value', shape.value, v, ec2)}</entry>" for k, v in value.items())
    else:
        text = str(value).lower() if isinstance(value, bool) else escape(str(value))
    return f"<{name}>{text}</{name}>"
