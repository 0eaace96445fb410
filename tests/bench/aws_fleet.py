"""The accounts and regions that are polled, and how a process of the benchmark is told where the fake AWS is."""

import os

from quota_exporter.providers.aws.catalog import Row, shipped
from quota_exporter.providers.aws.settings import Account
from quota_exporter.providers.aws.sources import SOURCES

REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "ap-southeast-2")

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


def environment(port: int) -> None:
    """Lets this process find the fake, and nothing else."""
    for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
        del os.environ[name]
    os.environ.update(ENVIRONMENT, AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}")


def account(number: int) -> str:
    """Id of one of the accounts."""
    return str(100_000_000_000 + 7919 * number)


def rows() -> list[Row]:
    """The rows of the 20 regional services that are polled by default."""
    sources = [found for _, facts, found in shipped().by_source() if facts.enabled and not found[0].region]
    return [row for found in sources for row in found]


def whole(accounts: int) -> Account:
    """The entry of the config for so many accounts, each entered through its role: all that the catalogue polls by default."""
    of_rows = {name for name, _, _ in shipped().by_source()}
    return _entry(accounts, sources={source.name: {"enabled": False} for source in SOURCES if source.name not in of_rows})


def thin(accounts: int, **more: float) -> Account:
    """The same quotas, but only their limits, and usage where CloudWatch has it: nothing goes through boto3."""
    own = [row.model_copy(update={"usage": "metric", "limit": None}) for row in rows()]
    others = {source.name: {"enabled": False} for source in SOURCES if source.name != "custom"}
    return _entry(accounts, sources=others, catalog=own, **more)


def _entry(accounts: int, **more: object) -> Account:
    ids = [account(number) for number in range(accounts)]
    members = {"ids": ids, "role": "quota-exporter"}
    return Account.model_validate({"name": "fleet", "accounts": members, "regions": REGIONS, **more})


ENTRIES = {"whole": whole, "thin": thin}
