"""What an answer of kube-apiserver means when it is not the one that was asked for.

https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

import json
from typing import Any

import aiohttp

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

Json = dict[str, Any]


class Expired(Unavailable):
    """410: a list cannot be continued as it was when it began; with `token` it can as it is now."""

    retryable = False
    token = ""


class NotAccepted(ExpiredCredentials):
    """401: with renewed credentials the same call may work."""


def expect(response: aiohttp.ClientResponse, content_type: str, operation: str) -> None:
    """Takes no other content type.

    Raises:
        Malformed: It is another.
    """
    if response.content_type != content_type:
        raise Malformed(
            f"expected {content_type}, got {response.content_type}; is this a kube-apiserver, or a proxy or login page?",
            operation=operation,
        )


async def failure(response: aiohttp.ClientResponse, operation: str, permission: str) -> ApiError:
    """What a status other than 200 means."""
    status = response.status
    status_object = await _status_object(response)
    told = str(status_object.get("message") or response.reason)
    if status == 401:
        return NotAccepted(f"not accepted: {told}", operation=operation)
    if status == 403:
        return Denied(told, operation=operation, permission=permission)
    if status == 404:
        return Disabled(told, operation=operation)
    if status == 410:
        expired = Expired(told, operation=operation)
        expired.token = str((status_object.get("metadata") or {}).get("continue", ""))
        return expired
    if status == 429:
        seconds = response.headers.get("Retry-After", "")
        return Throttled(told, operation=operation, retry_after=float(seconds) if seconds.isdecimal() else None)
    if status >= 500:
        return Unavailable(f"{status}: {told}", operation=operation)
    return Malformed(f"unexpected status {status}: {told}", operation=operation)


def no_answer(error: aiohttp.ClientError | OSError, operation: str) -> ApiError:
    """What it means when there is no whole answer; without any URL of a proxy, which may have a password in it."""
    if isinstance(error, aiohttp.ServerTimeoutError):
        return TimedOut("no connection within 10 s", operation=operation)
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return Unreachable(f"the proxy refused: {error.status} {error.message}", operation=operation)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return Unreachable(f"TLS failed with {error.host}:{error.port}: {error.certificate_error}", operation=operation)
    if isinstance(error, aiohttp.ClientConnectorError):
        tls = "TLS failed with" if isinstance(error, aiohttp.ClientSSLError) else "no connection to"
        return Unreachable(f"{tls} {error.host}:{error.port}: {error.os_error}", operation=operation)
    if isinstance(error, aiohttp.ClientPayloadError):
        return Unreachable(f"the connection ended before the whole answer came: {error}", operation=operation)
    return Unreachable(str(error) or type(error).__name__, operation=operation)


async def _status_object(response: aiohttp.ClientResponse) -> Json:
    """The Status object in the body; for any other body one with its first words as message."""
    raw = await response.content.read(1 << 16)
    if response.content_type == "application/json":
        try:
            found = json.loads(raw)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict):
            return found
    return {"message": " ".join(raw.decode("utf-8", "replace").split())[:200]}
