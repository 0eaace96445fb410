"""Every error of the project.

    QuotaExporterError
    ├── ConfigError               the user's file, flag or environment is wrong
    └── ApiError                  a provider did not answer what we asked; `reason` ends up on a metric
        ├── Unreachable           no connection: DNS, refused, reset, TLS
        ├── TimedOut              connected, but no whole answer in time
        ├── Unavailable           the provider answered 5xx
        ├── Denied                a permission is missing
        ├── Disabled              the API is switched off, unregistered or not served
        ├── Throttled             the provider asks us to slow down
        ├── Malformed             an answer that is not what the provider documents
        └── ExpiredCredentials    a token, key or certificate is not accepted (any more)

An `ApiError` is raised (or returned among the readings, when only a part failed) by a source, made by its provider's
`api.py`, and caught once, by the poller.
"""

from typing import ClassVar

LONGEST_PAUSE = 86_400.0
"""Seconds of a Retry-After that are honoured: nobody is sent away for ever by a number too large."""


class QuotaExporterError(Exception):
    """Anything that this project raises on purpose."""


class ConfigError(QuotaExporterError):
    """A mistake of the user's, in words that say what, where and how to mend it."""


class ApiError(QuotaExporterError):
    """A call that failed.

    Attributes:
        reason: One of a closed set; the label of `quota_exporter_poll_failure_reason`.
        retryable: Whether the same call may work a moment later.
        operation: What was asked, in the provider's words, such as `GET /metrics`.
        permission: The missing permission, in the provider's words; empty where none is missing.
        retry_after: Seconds after which the provider wants to be asked again, a day at most; None where it did not say.
    """

    reason: ClassVar[str]
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, operation: str = "", permission: str = "", retry_after: float | None = None):
        super().__init__(message)
        self.operation = operation
        self.permission = permission
        self.retry_after = None if retry_after is None else min(retry_after, LONGEST_PAUSE)


class Unreachable(ApiError):
    """No connection: DNS, refused, reset, TLS."""

    reason = "unreachable"
    retryable = True


class TimedOut(ApiError):
    """No whole answer in time."""

    reason = "timeout"
    retryable = True


class Unavailable(ApiError):
    """The provider answered 5xx."""

    reason = "unavailable"
    retryable = True


class Denied(ApiError):
    """A permission is missing."""

    reason = "denied"


class Disabled(ApiError):
    """The API is switched off, unregistered or not served."""

    reason = "disabled"


class Throttled(ApiError):
    """The provider asks us to slow down."""

    reason = "throttled"
    retryable = True


class Malformed(ApiError):
    """An answer that is not what the provider documents."""

    reason = "malformed"


class ExpiredCredentials(ApiError):
    """A token, key or certificate is not accepted (any more)."""

    reason = "expired_credentials"
