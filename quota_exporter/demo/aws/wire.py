"""What is on the wire: parameters are read, answers and errors written, in each protocol of AWS.

The protocols: https://smithy.io/2.0/aws/protocols/.
"""

import json
import uuid
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from botocore.utils import parse_timestamp
from moto.core.model import OperationModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.serialize import SERIALIZERS
from werkzeug.wrappers import Response

from quota_exporter.demo.aws import cbor
from quota_exporter.demo.aws.calls import Asked, Json

CBOR = "smithy-rpc-v2-cbor"
QUERY_CODES = {"AccessDeniedException": "AccessDenied", "ThrottlingException": "Throttling"}
"""Codes that CloudWatch had when it spoke the query protocol; its newer protocols name them too, in a header."""


@dataclass(frozen=True)
class Failure(Exception):
    """An error that the service answers with.

    Attributes:
        code: As in the body: `AccessDeniedException`.
        message: For people.
        status: Of HTTP.
        fields: What the body has beside these.
    """

    code: str
    message: str
    status: int = 400
    fields: Json | None = None


def read_params(asked: Asked) -> Json:
    """The parameters of the operation, as boto3 takes them. Failure where the body is not what the protocol says."""
    if asked.model is None:
        return {}
    body = asked.request.get_data()
    if asked.protocol == CBOR:
        try:
            found: Json = cbor.decode(body) if body else {}
        except ValueError as error:
            raise Failure("SerializationException", str(error)) from error
        return found
    parser = PROTOCOL_PARSERS[asked.protocol](asked.model, timestamp_parser=parse_timestamp)
    found = parser.parse(
        {
            "method": asked.request.method,
            "values": asked.request.values,
            "headers": asked.request.headers,
            "body": body,
            "url_path": asked.request.path,
            "url_params": asked.path_params,
        }
    )
    return found or {}


def written(asked: Asked, result: Json) -> Response:
    """The answer to a call.

    Args:
        asked: The call.
        result: As boto3 gives it back.
    """
    if asked.model is None:
        raise Failure("UnknownOperationException", f"{asked.call.service} has no operation {asked.call.operation}.", 404)
    if asked.protocol == CBOR:
        return Response(cbor.encode(result), headers=_headers("application/cbor") | {"smithy-protocol": "rpc-v2-cbor"})
    made = SERIALIZERS[asked.protocol](operation_model=asked.model).serialize(result)
    headers = _headers(_content_type(asked.protocol, asked.model))
    return Response(
        made["body"], made["status_code"], headers | {k: str(v) for k, v in made["headers"].items() if k != "Content-Type"}
    )


def refused(asked: Asked, failure: Failure) -> Response:
    """The error in the form of the call's protocol."""
    code, message, number = failure.code, failure.message, str(uuid.uuid4())
    if asked.protocol == "ec2":
        body = f"<Response><Errors><Error>{_xml(code, message)}</Error></Errors><RequestID>{number}</RequestID></Response>"
        return Response('<?xml version="1.0" encoding="UTF-8"?>\n' + body, failure.status, _headers("text/xml;charset=UTF-8"))
    if asked.call.service == "s3":
        body = f"<Error>{_xml(code, message)}<RequestId>{number}</RequestId><HostId>demo</HostId></Error>"
        return Response('<?xml version="1.0" encoding="UTF-8"?>\n' + body, failure.status, _headers("application/xml"))
    if asked.protocol in ("query", "rest-xml"):
        kind = "Sender" if failure.status < 500 else "Receiver"
        error = f"<Error><Type>{kind}</Type>{_xml(code, message)}</Error>"
        body = f"<ErrorResponse>{error}<RequestId>{number}</RequestId></ErrorResponse>"
        return Response(body, failure.status, _headers("text/xml"))
    return _refused_json(asked, failure)


def _refused_json(asked: Asked, failure: Failure) -> Response:
    rest = asked.protocol == "rest-json"
    body = {"__type": failure.code, "message": failure.message} | (failure.fields or {})
    if rest:
        body = {"Message" if asked.call.service == "lambda" else "message": failure.message} | (failure.fields or {})
    headers = {"x-amzn-errortype": failure.code} if rest else {}
    if asked.call.service == "cloudwatch":
        fault = "Sender" if failure.status < 500 else "Receiver"
        headers["x-amzn-query-error"] = f"{QUERY_CODES.get(failure.code, failure.code)};{fault}"
    if asked.protocol == CBOR:
        headers |= {"smithy-protocol": "rpc-v2-cbor"} | _headers("application/cbor")
        return Response(cbor.encode(body), failure.status, headers)
    content_type = "application/json" if asked.model is None else _content_type(asked.protocol, asked.model)
    return Response(json.dumps(body), failure.status, headers | _headers(content_type))


def _xml(code: str, message: str) -> str:
    return f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"


def _content_type(protocol: str, model: OperationModel) -> str:
    if protocol == "json":
        return f"application/x-amz-json-{model.service_model.metadata.get('jsonVersion', '1.0')}"
    return "application/json" if protocol == "rest-json" else "text/xml;charset=UTF-8"


def _headers(content_type: str) -> dict[str, str]:
    return {"Content-Type": content_type, "x-amzn-RequestId": str(uuid.uuid4())}


def plain(value: Any) -> Any:
    """A result without what botocore adds to it."""
    return {key: member for key, member in value.items() if key != "ResponseMetadata"} if isinstance(value, dict) else value
