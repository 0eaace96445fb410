"""What AWS's errors mean.

https://docs.aws.amazon.com/awssupport/latest/APIReference/CommonErrors.html and the errors of each service.
"""

import re

from quota_exporter.errors import (
    ApiError,
    Denied,
    Disabled,
    ExpiredCredentials,
    Malformed,
    Throttled,
    TimedOut,
    Unavailable,
    Unreachable,
)
from quota_exporter.providers.aws.actions import action

THROTTLED = re.compile(
    r"Throttl|TooManyRequests|RequestLimitExceeded|BandwidthLimitExceeded|RequestThrottled|SlowDown|PriorRequestNotComplete"
    r"|ProvisionedThroughputExceeded|LimitExceededException"
)
DENIED = re.compile(r"AccessDenied|UnauthorizedOperation|NotAuthorized|Forbidden|^403$|^AuthorizationError")
EXPIRED = re.compile(
    r"ExpiredToken|RequestExpired|InvalidClientTokenId|UnrecognizedClient|AuthFailure|InvalidAccessKeyId|SignatureDoesNotMatch"
    r"|IncompleteSignature|InvalidSignature|MissingAuthenticationToken|TokenRefreshRequired"
)
DISABLED = re.compile(r"OptInRequired|SubscriptionRequired|NotSubscribed|InvalidAction|UnknownOperation|NoSuchService")
MISSING = re.compile(r"NoSuch|NotFound|InvalidVpcID|ResourceNotFound")

NAMED_ACTION = re.compile(r"perform: ([a-z0-9-]+:\w+)")


class Missing(Disabled):
    """What was asked about does not exist: not in this region, or not any more."""


class Repeated(Malformed):
    """The same token came twice: there is no further page, or none that can be reached."""


def failure(call: str, code: str, message: str, status: int, retry_after: float | None = None) -> ApiError:
    """An error answer as what it means.

    Args:
        call: What was asked, such as `ec2.DescribeSubnets`.
        code: AWS's code of the error; empty where the answer has none.
        message: AWS's words; they name no secrets.
        status: Of HTTP.
        retry_after: Seconds, where a header says so.
    """
    text = f"{code}: {message}" if message else code or f"status {status}"
    if EXPIRED.search(code):
        return ExpiredCredentials(text, operation=call)
    # Before the refusals, because a service may use 403 for either.
    if THROTTLED.search(code) or status == 429:
        return Throttled(text, operation=call, retry_after=retry_after)
    if DENIED.search(code) or (status == 403 and not code):
        named = NAMED_ACTION.search(message)
        return Denied(text, operation=call, permission=named[1] if named else action(call))
    if DISABLED.search(code):
        return Disabled(text, operation=call)
    if MISSING.search(code):
        return Missing(text, operation=call)
    if status >= 500:
        return Unavailable(text, operation=call, retry_after=retry_after)
    return Malformed(text, operation=call)


def exception(call: str, error: Exception) -> ApiError:
    """An exception of botocore as what it means."""
    from botocore import exceptions as sdk

    if isinstance(error, sdk.ClientError):
        told = error.response.get("Error", {})
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        return failure(call, str(told.get("Code", "")), str(told.get("Message") or ""), status)
    kinds: tuple[tuple[tuple[type[Exception], ...], type[ApiError]], ...] = (
        ((sdk.ConnectTimeoutError, sdk.ReadTimeoutError), TimedOut),
        ((sdk.HTTPClientError,), Unreachable),
        ((sdk.ConnectionError,), Unreachable),
        (
            (
                sdk.NoCredentialsError,
                sdk.PartialCredentialsError,
                sdk.CredentialRetrievalError,
                sdk.TokenRetrievalError,
                sdk.SSOError,
                sdk.SSOTokenLoadError,
                sdk.UnauthorizedSSOTokenError,
                sdk.MetadataRetrievalError,
            ),
            ExpiredCredentials,
        ),
    )
    kind = next((kind for classes, kind in kinds if isinstance(error, classes)), Malformed)
    return kind(str(error), operation=call)
