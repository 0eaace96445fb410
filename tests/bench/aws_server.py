"""A fake AWS: every service and region at one address, answers from memory, as fast as a socket takes them. A process.

It checks no signatures, has no limits, and answers each list whole on one page. An account is known by its keys.
"""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from zlib import crc32

import botocore.session
from botocore.model import OperationModel

from quota_exporter.providers.aws.catalog import shipped
from tests.bench import aws_answers as answers
from tests.bench.control import obey_meanwhile, tell

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\nx-amzn-RequestId: 0\r\n%s\r\n"
FURTHER = ("sts.AssumeRole", "sts.GetCallerIdentity", "iam.ListAccountAliases")
CREDENTIAL = re.compile(rb"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/")
LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
JSON_TARGET = re.compile(rb"X-Amz-Target: \w+\.(\w+)", re.IGNORECASE)
ACTION = re.compile(rb"(?:^|&)Action=(\w+)")
UNKNOWN = b'HTTP/1.1 400 Bad Request\r\nContent-Length: 39\r\n\r\n{"__type": "UnknownOperationException"}'
SERVICE_CODE = re.compile(rb'"ServiceCode": ?"([^"]+)"')
ROLE = re.compile(rb"iam%3A%3A(\d{12})")
PLACE = answers.PLACE.encode()
ROLE_KEY, CALLER = (name + b"-0000" + PLACE for name in (b"acce", b"acco"))
DEFAULT_ACCOUNT = b"999999999999"

Known = tuple[str, str]
"""Name under which requests to a service are signed, and operation."""


class Cloud:
    """Knows the answer to every call of the catalogue."""

    def __init__(self) -> None:
        self.latency = 0.0
        self.calls: Counter[str] = Counter()
        self._bodies: dict[Known, bytes] = {}
        self._paths: dict[str, list[tuple[re.Pattern[str], str]]] = {}
        session = botocore.session.Session()
        for call in sorted({call for row in shipped().quotas for call in row.calls} | set(FURTHER)):
            service, _, operation = call.partition(".")
            self._add(session.get_service_model(service).operation_model(operation))
        self._quotas = {row.service.encode(): answers.quotas(row.service) for row in shipped().quotas}
        self._active = answers.active()

    def _add(self, operation: OperationModel) -> None:
        model = operation.service_model
        self._bodies[model.signing_name, operation.name] = answers.modelled(operation)
        if model.metadata["protocol"].startswith("rest"):
            path = re.sub(r"\{[^}]+\}", "[^/]+", str(operation.http["requestUri"]).partition("?")[0])
            self._paths.setdefault(model.signing_name, []).append((re.compile(path.rstrip("/") + "/?"), operation.name))

    def answer(self, head: bytes, body: bytes) -> bytes:
        """The whole answer to a request."""
        found = CREDENTIAL.search(head)
        key, region, signed = (found[1], found[2], found[3].decode()) if found else (b"", b"", "")
        operation, binary = self._operation(head, body, signed)
        self.calls[f"{signed}.{operation}"] += 1
        kind = b"application/cbor" if binary else b"application/x-amz-json-1.1"
        account = key[4:] if key.startswith(b"ASIA") else DEFAULT_ACCOUNT
        if operation in ("ListServiceQuotas", "ListAWSDefaultServiceQuotas") and (service := SERVICE_CODE.search(body)):
            text = self._quotas[service[1]]
        elif operation == "GetMetricData":
            text = answers.points(body.count(b"bId") if binary else body.count(b'"Id"'), binary)
        elif operation == "ListMetrics":
            text = self._active
        elif (signed, operation) not in self._bodies:
            return UNKNOWN
        else:
            kind = b"application/json" if self._bodies[signed, operation][:1] == b"{" else b"text/xml"
            text = self._bodies[signed, operation]
            if signed == "sts":
                account = (ROLE.search(body) or [b"", DEFAULT_ACCOUNT])[1]
                text = text.replace(ROLE_KEY, b"ASIA" + account).replace(CALLER, account)
            text = text.replace(answers.ACCOUNT.encode(), account).replace(PLACE, b"%012x" % crc32(account + region))
        return HEAD % (kind, len(text), b"smithy-protocol: rpc-v2-cbor\r\n" if binary else b"") + text

    def _operation(self, head: bytes, body: bytes, signed: str) -> tuple[str, bool]:
        if target := JSON_TARGET.search(head):
            return target[1].decode(), False
        if action := ACTION.search(body):
            return action[1].decode(), False
        path = head.split(b" ", 2)[1].decode().partition("?")[0]
        if path.startswith("/service/"):
            return path.rpartition("/")[2], True
        return next((name for pattern, name in self._paths.get(signed, ()) if pattern.fullmatch(path)), ""), False


class Endpoint(asyncio.Protocol):
    """A connection."""

    transport: asyncio.Transport

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._text = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remembers whom to answer."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """A part of a request: its clients send one after another."""
        self._text += data
        head, end, body = self._text.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if end and len(body) >= (int(length[1]) if length else 0):
            self._text = b""
            answer = self._cloud.answer(head, body)
            if self._cloud.latency:
                asyncio.get_running_loop().call_later(self._cloud.latency, self._write, answer)
            else:
                self.transport.write(answer)

    def _write(self, answer: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(answer)


async def main() -> None:
    """Tells its port, then does what it is told."""
    cloud = Cloud()
    server = await asyncio.get_running_loop().create_server(partial(Endpoint, cloud), "127.0.0.1", 0)
    commands: dict[str, Callable[..., object]] = {
        "latency": lambda seconds: setattr(cloud, "latency", seconds),
        "calls": lambda: dict(cloud.calls),
        "forget": cloud.calls.clear,
        "cpu": time.process_time,
    }
    tell(server.sockets[0].getsockname()[1])
    await obey_meanwhile(commands)


if __name__ == "__main__":
    asyncio.run(main())
