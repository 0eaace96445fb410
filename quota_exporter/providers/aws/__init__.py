"""AWS: limits as Service Quotas tells them, and usage by whichever way is right for each quota."""

import os
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from quota_exporter.budget import Budget
from quota_exporter.errors import ConfigError
from quota_exporter.providers.aws.settings import Account
from quota_exporter.providers.aws.sources import SOURCES
from quota_exporter.source import Connection, Provider

ENVIRONMENT = ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI")


def connect(account: Account, budget: Budget) -> Connection:
    """Reads the profile; credentials are looked for when they are first needed.

    Raises:
        ConfigError: boto3 is not installed, or there is no such profile.
    """
    try:
        from quota_exporter.providers.aws.discovery import opened
    except ImportError as error:
        raise ConfigError(f"{error.name} is not installed; AWS needs: pip install 'quota-exporter[aws]'") from None
    return opened(account, budget)


def look() -> Account | None:
    """The account of the credentials that the environment or the shared files have."""
    if find_spec("boto3") is None:
        return None
    # Where there is no home, nothing is found there.
    with suppress(RuntimeError):
        if any(name in os.environ for name in ENVIRONMENT) or Path("~/.aws/credentials").expanduser().is_file():
            return Account()
    return None


AWS = Provider(name="aws", settings=Account, sources=SOURCES, connect=connect, look=look)
