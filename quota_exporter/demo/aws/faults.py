"""Calls that go wrong, in the words of each service.

The words: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html and the errors of botocore's models.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from moto.core.utils import get_service_model
from moto.sts.models import sts_backends
from werkzeug.wrappers import Response

from quota_exporter.demo.aws.calls import Asked, Call
from quota_exporter.demo.aws.wire import Failure, refused

Normal = Callable[[], Response]

THROTTLES = ("TooManyRequestsException", "ThrottlingException", "ThrottledException", "Throttling", "ThrottledClientException")
"""What services call it when there are too many calls, those first that botocore's models name."""

UNAVAILABLE = {"ec2": "Unavailable", "query": "ServiceUnavailable", "rest-xml": "ServiceUnavailable"}


@dataclass
class Rule:
    """A fault and the calls that it befalls. `*` stands for any text, also within a name.

    Attributes:
        service: Name of the boto3 client, or the prefix of IAM actions.
        operation: As the API calls it.
        account: Number of the account that is acted in.
        region: The Region signed for.
        access_key: Id of the key signed with.
        times: How many of the calls it befalls, the first ones; None: all.
        applied: How many it has befallen so far.
    """

    service: str = "*"
    operation: str = "*"
    account: str = "*"
    region: str = "*"
    access_key: str = "*"
    times: int | None = None
    applied: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False, compare=False)

    def befalls(self, call: Call) -> bool:
        """Whether the call goes wrong; counts it if so."""
        fits = (fnmatchcase(call.service, self.service) or fnmatchcase(call.prefix, self.service)) and all(
            fnmatchcase(value, pattern)
            for value, pattern in (
                (call.operation, self.operation),
                (call.account, self.account),
                (call.region, self.region),
                (call.access_key, self.access_key),
            )
        )
        with self._lock:
            if not fits or (self.times is not None and self.applied >= self.times):
                return False
            self.applied += 1
            return True

    def answer(self, asked: Asked, normal: Normal, stopped: threading.Event) -> Response:
        """What is answered.

        Args:
            asked: The call.
            normal: Gives the answer that there would be.
            stopped: Set when the server stops.
        """
        raise NotImplementedError


class Denied(Rule):
    """No policy allows it."""

    def answer(self, asked: Asked, normal: Normal, stopped: threading.Event) -> Response:
        """The service's own word for it, with the action that is missing."""
        return refused(asked, denial(asked))


@dataclass
class Throttled(Rule):
    """Too many calls.

    Attributes:
        rate: Calls per second that go through, per account, Region and operation; 0: none.
        burst: Calls that go through at once after a pause.
    """

    rate: float = 0.0
    burst: float = 1.0
    _buckets: dict[tuple[str, ...], tuple[float, float]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def answer(self, asked: Asked, normal: Normal, stopped: threading.Event) -> Response:
        """A refusal, unless the bucket has a token."""
        return normal() if self.rate and self._takes(asked.call) else refused(asked, throttle(asked))

    def _takes(self, call: Call) -> bool:
        key = (call.account, call.region, call.service, call.operation)
        now = time.monotonic()
        with self._lock:
            left, since = self._buckets.get(key, (self.burst, now))
            left = min(self.burst, left + (now - since) * self.rate)
            taken = left >= 1
            self._buckets[key] = (left - taken, now)
        return taken


@dataclass
class Unavailable(Rule):
    """The service is ill.

    Attributes:
        status: 500 or 503.
    """

    status: int = 503

    def answer(self, asked: Asked, normal: Normal, stopped: threading.Event) -> Response:
        """An error of the service's own making."""
        code = UNAVAILABLE.get(asked.protocol, "ServiceUnavailableException") if self.status == 503 else "InternalFailure"
        return refused(asked, Failure(code, "The service is unavailable. Please try again shortly.", self.status))


class Hangs(Rule):
    """Never answers."""

    def answer(self, asked: Asked, normal: Normal, stopped: threading.Event) -> Response:
        """Nothing, until the server stops."""
        stopped.wait()
        return Response(status=503)


@dataclass
class Slow(Rule):
    """Answers late.

    Attributes:
        seconds: How late.
    """

    seconds: float = 1.0

    def answer(self, asked: Asked, normal: Normal, stopped: threading.Event) -> Response:
        """The normal answer, later."""
        stopped.wait(self.seconds)
        return normal()


class Expired(Rule):
    """The credentials are no longer good."""

    def answer(self, asked: Asked, normal: Normal, stopped: threading.Event) -> Response:
        """The service's own word for it."""
        return refused(asked, expiry(asked))


@dataclass
class Malformed(Rule):
    """Answers that are none.

    Attributes:
        how: `html`: the login page of a proxy; `cut`: the first half of the normal answer; `empty`: nothing.
    """

    how: str = "html"

    def answer(self, asked: Asked, normal: Normal, stopped: threading.Event) -> Response:
        """200, and a body that cannot be read."""
        if self.how == "html":
            return Response("<!doctype html><title>Sign in</title>", 200, content_type="text/html")
        whole = normal()
        body = whole.get_data()[: len(whole.get_data()) // 2] if self.how == "cut" else b""
        return Response(body, 200, content_type=whole.content_type)


def principal(call: Call) -> str:
    """ARN of who calls."""
    role = sts_backends[call.account]["aws"].get_assumed_role_from_access_key(call.access_key)
    return str(role.arn) if role is not None else f"arn:aws:iam::{call.account}:user/demo"


def denial(asked: Asked, resource: str = "*") -> Failure:
    """What a service says to somebody who may not call it."""
    call = asked.call
    reason = f"because no identity-based policy allows the {call.action} action"
    on = "" if resource == "*" and asked.protocol == "ec2" else f" on resource: {resource}"
    message = f"User: {principal(call)} is not authorized to perform: {call.action}{on} {reason}"
    if asked.protocol == "ec2":
        return Failure("UnauthorizedOperation", f"You are not authorized to perform this operation. {message}", 403)
    if asked.protocol in ("query", "rest-xml"):
        return Failure("AccessDenied", message, 403)
    return Failure("AccessDeniedException", message, 403 if asked.protocol == "rest-json" else 400)


def expiry(asked: Asked) -> Failure:
    """What a service says to somebody whose credentials have expired."""
    if asked.protocol == "ec2":
        return Failure("RequestExpired", "Request has expired.", 400)
    code = "ExpiredToken" if asked.protocol in ("query", "rest-xml") else "ExpiredTokenException"
    status = 400 if asked.protocol == "json" or asked.call.service == "s3" else 403
    return Failure(code, "The security token included in the request is expired", status)


def throttle(asked: Asked) -> Failure:
    """What a service says to somebody who calls too often."""
    if asked.protocol == "ec2":
        return Failure("RequestLimitExceeded", "Request limit exceeded.", 503)
    if asked.call.service == "s3":
        return Failure("SlowDown", "Please reduce your request rate.", 503)
    if asked.protocol in ("query", "rest-xml") or asked.call.service == "cloudwatch":
        return Failure("Throttling", "Rate exceeded", 400)
    modelled = {str(shape.name): shape for shape in get_service_model(asked.call.service).error_shapes}
    code = next((name for name in THROTTLES if name in modelled), "ThrottlingException")
    status = modelled[code].metadata.get("error", {}).get("httpStatusCode", 400) if code in modelled else 400
    fields = {"Reason": "CallerRateLimitExceeded"} if asked.call.service == "lambda" else None
    return Failure(code, "Rate exceeded", status if asked.protocol == "rest-json" else 400, fields)
