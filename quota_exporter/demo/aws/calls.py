"""Whose call a request is: account, Region, service, operation, protocol."""

import re
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from botocore.exceptions import UnknownServiceError
from moto.core.model import OperationModel
from moto.core.request import Request
from moto.core.routing import get_service_router
from moto.core.utils import get_service_model
from moto.iam.models import get_account_id_from
from werkzeug.exceptions import NotFound

Json = dict[str, Any]

SCOPE = re.compile(r"Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[^/]+)/(?P<signing>[^/]+)/aws4_request")
CBOR_PATH = re.compile(r"/service/[^/]+/operation/(?P<operation>\w+)")

CLIENTS = {
    "elasticfilesystem": "efs",
    "monitoring": "cloudwatch",
    "servicequotas": "service-quotas",
    "states": "stepfunctions",
}
"""Names of boto3 clients, by the name a request is signed for, where they differ."""

CLASSIC = "2012-06-01"
"""Version of the API of Classic Load Balancers, which are signed for with the same name as all others."""

PREFIXES = {
    "cloudwatch": "cloudwatch",
    "efs": "elasticfilesystem",
    "elb": "elasticloadbalancing",
    "elbv2": "elasticloadbalancing",
    "service-quotas": "servicequotas",
    "sesv2": "ses",
    "stepfunctions": "states",
}
"""Prefixes of IAM actions, by client, where they differ."""

ACTIONS = {"s3:ListBuckets": "s3:ListAllMyBuckets"}
"""IAM actions that are not called as their operation is."""


@dataclass(frozen=True)
class Call:
    """A call that was made.

    Attributes:
        at: When it came, `time.monotonic()`.
        account: Number of the account it acts in.
        region: The Region it was signed for.
        service: Name of the boto3 client.
        prefix: The service's prefix in IAM actions.
        operation: As the API calls it: `DescribeSubnets`.
        access_key: Id of the key it was signed with, empty where it was not signed.
    """

    at: float
    account: str
    region: str
    service: str
    prefix: str
    operation: str
    access_key: str

    @property
    def action(self) -> str:
        """The IAM action: `ec2:DescribeSubnets`."""
        action = f"{self.prefix}:{self.operation}"
        return ACTIONS.get(action, action)


@dataclass(frozen=True)
class Asked:
    """A call with what belongs to it on the wire.

    Attributes:
        call: What is recorded.
        protocol: Of the request and so of the answer, as botocore calls it: `ec2`, `query`, `json`, `rest-json`, `rest-xml`
            or `smithy-rpc-v2-cbor`.
        model: The operation's model; None where botocore knows no such operation.
        request: The HTTP request, its body read already.
        path_params: What a REST path says.
        params: The parameters, as boto3 takes them; times are aware datetimes.
    """

    call: Call
    protocol: str
    model: OperationModel | None
    request: Request
    path_params: Json = field(default_factory=dict)
    params: Json = field(default_factory=dict)


def identify(request: Request) -> Asked:
    """Finds out which operation of which service is called, by whom."""
    scope = SCOPE.search(request.headers.get("Authorization", ""))
    key, region, signing = scope.group("key", "region", "signing") if scope else ("", "us-east-1", "sts")
    form = {name: values[0] for name, values in parse_qs(request.query_string.decode()).items()} | request.form.to_dict()
    service = _client(signing, form.get("Version", ""), request.path)
    protocol, operation = _rpc(request, form)
    path_params: Json = {}
    if not operation:
        protocol, operation, path_params = _rest(service, request)
    call = Call(time.monotonic(), get_account_id_from(key), region, service, PREFIXES.get(service, signing), operation, key)
    return Asked(call, protocol, _model(service, operation), request, path_params)


def _client(signing: str, version: str, path: str) -> str:
    if signing == "elasticloadbalancing":
        return "elb" if version == CLASSIC else "elbv2"
    if signing == "ses" and path.startswith("/v2/"):
        return "sesv2"
    return CLIENTS.get(signing, signing)


def _rpc(request: Request, form: dict[str, str]) -> tuple[str, str]:
    """Protocol and operation of a request that names its operation; two empty texts where its path has to tell."""
    if (found := CBOR_PATH.fullmatch(request.path)) is not None:
        return "smithy-rpc-v2-cbor", found["operation"]
    if target := request.headers.get("X-Amz-Target"):
        return "json", target.rpartition(".")[2]
    if action := form.get("Action"):
        return ("ec2" if "/ec2/" in request.headers.get("Authorization", "") else "query"), action
    return "", ""


def _rest(service: str, request: Request) -> tuple[str, str, Json]:
    try:
        operation, params = get_service_router(service).match(request)
        return str(operation.service_model.protocol), str(operation.name), params
    except (NotFound, NotImplementedError, UnknownServiceError):
        return "rest-json", f"{request.method} {request.path}", {}


def _model(service: str, operation: str) -> OperationModel | None:
    try:
        model = get_service_model(service)
    except UnknownServiceError:
        return None
    return model.operation_model(operation) if operation in model.operation_names else None
