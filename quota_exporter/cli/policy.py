"""`quota-exporter policy`: the rights that the exporter needs at a provider, in the provider's own form."""

import argparse
import json
from pathlib import Path

from quota_exporter.config import load
from quota_exporter.errors import ConfigError
from quota_exporter.providers.aws import policy as aws
from quota_exporter.providers.aws.settings import Account

SUMMARY = "Print the least rights that the exporter needs at a provider."


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of this command."""
    parser.add_argument("provider", choices=("aws",), help="whose: an IAM policy for aws")
    parser.add_argument(
        "--config.file",
        dest="config_file",
        type=Path,
        metavar="FILE",
        help="for what this configuration polls; without it, for what is polled by default",
    )
    parser.add_argument(
        "--management",
        action="store_true",
        help="instead, for the credentials that find accounts (`organization`) and enter them through roles",
    )


def run(flags: argparse.Namespace) -> int:
    """Prints the policy as JSON. Asks nobody.

    Raises:
        ConfigError: The file is wrong, or has nothing that needs the policy.
    """
    print(json.dumps(_policy(flags.config_file, management=flags.management), indent=2))
    return 0


def _policy(path: Path | None, *, management: bool) -> aws.Policy:
    if path is None:
        return aws.managing_any() if management else aws.polled([Account()])
    accounts = [entry for _, entry in load(path).entries() if isinstance(entry, Account)]
    if not accounts:
        raise ConfigError(f"{path}: polls no account of AWS; there may be `aws`")
    found = aws.managing(accounts) if management else aws.polled(accounts)
    if not found["Statement"]:
        raise ConfigError(f"{path}: enters no account through a role; there may be `organization`, `accounts` or `assume`")
    return found
