"""The embedded AWS: start it, seed it, ask it as one asks the real one."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from threading import Lock
from typing import Any, Self

import boto3
from botocore.config import Config
from botocore.loaders import create_loader
from botocore.session import get_session
from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.organizations.models import organizations_backends
from moto.sts.models import sts_backends

from quota_exporter.demo.aws.account_limits import AccountLimits, held
from quota_exporter.demo.aws.calls import Call, Json
from quota_exporter.demo.aws.cloudwatch import Metrics
from quota_exporter.demo.aws.corrections import CORRECTIONS
from quota_exporter.demo.aws.eks import Eks
from quota_exporter.demo.aws.faults import Rule
from quota_exporter.demo.aws.front import SEED, Front
from quota_exporter.demo.aws.listening import Server
from quota_exporter.demo.aws.organization import Member, Organization, found_organization, operations
from quota_exporter.demo.aws.service_quotas import Quotas
from quota_exporter.demo.aws.signatures import Signatures

ACCOUNT = "123456789012"
"""The account that the credentials of `environment` belong to."""

KEY = "AKIADEMO000000000000"
SECRET = "not-a-secret-of-anybody"  # noqa: S105 - of the demo

NEVER = datetime.max.replace(tzinfo=UTC)

LOADER = create_loader()
"""Reads botocore's models: once for all sessions, as each takes up to a second."""

LEAVE_OUT_IMAGES = "MOTO_EC2_LOAD_DEFAULT_AMIS"
"""Variable by which moto leaves out the thousand images that it has in each account and Region, which take half a second each."""

_one = Lock()
"""moto keeps its state in the process: there can be one at a time."""


class Session(boto3.Session):  # type: ignore[misc]
    """A boto3 session whose clients call the demo."""

    endpoint = ""

    def client(self, service: str, region_name: str | None = None, **options: Any) -> Any:
        """A client, as `boto3.Session.client` gives it."""
        return super().client(service, region_name, **({"endpoint_url": self.endpoint} | options))


class Aws:
    """AWS on loopback. Use it with `with` or `async with`; only one at a time.

    Attributes:
        url: Where it listens.
        now: Seconds since 1970, for metrics, reports and the end of sessions; may be replaced.
        quotas: Service Quotas: quotas, requests, reports.
        metrics: What CloudWatch knows.
        limits: Maxima that services tell themselves.
    """

    def __init__(self, now: Callable[[], float] = time.time):
        self.url = ""
        self.now = now
        self.front = Front()
        self.quotas = Quotas(self._clock)
        self.metrics = Metrics(self._clock, self.front.pages)
        self.limits = AccountLimits()
        self.set_quota = self.quotas.set
        self.add_request = self.quotas.request
        self.put_metric = self.metrics.put
        self.set_limit = self.limits.set
        eks = Eks(self._clock)
        self.front.operations |= self.quotas.operations() | self.metrics.operations() | self.limits.operations()
        self.front.operations |= eks.operations() | operations()
        self.front.corrections |= CORRECTIONS | {
            ("eks", "ListClusters"): eks.clusters,
            ("iam", "GetAccountSummary"): self.limits.summary,
        }
        self.front.checks.append(Signatures(self._clock, {KEY: SECRET}).check)
        self._server: Server | None = None
        self._images: str | None = None
        self._clients: dict[tuple[str, str, str], Any] = {}

    def _clock(self) -> float:
        return self.now()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.stop)

    def start(self, port: int = 0) -> None:
        """Listens on loopback; on a port of the system's choice where 0. RuntimeError where another one runs in the process."""
        if not _one.acquire(blocking=False):
            raise RuntimeError("another demo AWS runs in this process")
        _forget()
        self._images = os.environ.get(LEAVE_OUT_IMAGES)
        os.environ.setdefault(LEAVE_OUT_IMAGES, "false")
        self.front.stopped.clear()
        try:
            self._server = Server(self.front, port)
        finally:
            if self._server is None:
                self._leave()
        self.url = f"http://127.0.0.1:{self._server.port}"
        self._server.start()

    def stop(self) -> None:
        """Ends all connections and forgets what moto knew."""
        if self._server is not None:
            self.front.stopped.set()
            self._server.stop()
            self._server = None
            self._leave()

    def _leave(self) -> None:
        """Leaves the process as it was."""
        _forget()
        self._clients.clear()
        if self._images is None:
            del os.environ[LEAVE_OUT_IMAGES]
        _one.release()

    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to call the demo with credentials of the account `ACCOUNT`."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def credentials(self, account: str, role: str = "demo") -> dict[str, str]:
        """Credentials of a role in an account, as boto3 takes them; those of `environment` for its own account.

        The role need not exist: this is how one seeds. Who is to be checked assumes one by STS.
        """
        if account == ACCOUNT:
            return {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET}
        assumed = sts_backends[account]["aws"].assume_role(
            region_name="us-east-1",
            role_session_name="demo",
            role_arn=f"arn:aws:iam::{account}:role/{role}",
            policy="",
            duration=0,
            external_id="",
        )
        assumed.expiration = NEVER
        return {
            "aws_access_key_id": assumed.access_key_id,
            "aws_secret_access_key": assumed.secret_access_key,
            "aws_session_token": assumed.session_token,
        }

    def session_for(self, account: str) -> Session:
        """A session in an account, whose calls are recorded and befallen by faults as anybody's."""
        core = get_session()
        core.register_component("data_loader", LOADER)
        session = Session(**self.credentials(account), region_name="eu-west-1", botocore_session=core)
        session.endpoint = self.url
        return session

    def client(self, service: str, region: str, account: str = ACCOUNT) -> Any:
        """A boto3 client for seeding: its calls are not recorded, and no fault befalls them."""
        key = (service, region, account)
        if key not in self._clients:
            client = self.session_for(account).client(service, region, config=Config(retries={"total_max_attempts": 1}))
            client.meta.events.register("before-send", _mark)
            self._clients[key] = client
        return self._clients[key]

    def organization(
        self, accounts: Mapping[str, Member | str], *, external_id: str = "", manager: str = ACCOUNT
    ) -> Organization:
        """Makes an organization.

        Args:
            accounts: Its accounts by name: what there is to say of them, or only their numbers (made up where empty).
            external_id: What their roles want to be told by who assumes them; empty: nothing.
            manager: The managing account.
        """
        members = {name: Member(one) if isinstance(one, str) else one for name, one in accounts.items()}
        return found_organization(self, manager, members, external_id)

    def held(self, service: str, region: str, account: str = ACCOUNT) -> Any:
        """What moto holds of a service (client's name) in an account and Region, to be read and changed in the process."""
        return held(account, region, service)

    def add_rows(self, account: str, region: str, operation: str, member: str, rows: list[Json]) -> None:
        """Lets a list have further rows, for what moto cannot be brought to: what other accounts share, states in between.

        Args:
            account: Who sees them.
            region: Where.
            operation: `ec2.DescribeSubnets`.
            member: The answer's list: `Subnets`.
            rows: As boto3 gives them.
        """
        service, _, name = operation.partition(".")
        self.front.added[account, region, service, name] = member, rows

    @property
    def calls(self) -> list[Call]:
        """Every call so far."""
        return self.front.calls

    @property
    def requests(self) -> list[tuple[str, str, Json]]:
        """Requests for increases: account, Region, `RequestedServiceQuotaChange`."""
        return self.quotas.requests

    @property
    def unanswered(self) -> list[Call]:
        """Calls that the demo could not answer."""
        return self.front.unanswered

    @property
    def faults(self) -> list[Rule]:
        """The rules by which calls go wrong; add to it and take away at will."""
        return self.front.faults

    @property
    def page_size(self) -> int | None:
        """The most items on any page, so that lists have several; None: as the real ones."""
        return self.front.pages.size

    @page_size.setter
    def page_size(self, size: int | None) -> None:
        self.front.pages.size = size

    @property
    def endless(self) -> set[str]:
        """Operations that give their first page and its token for ever."""
        return self.front.pages.endless

    def actions(self) -> set[str]:
        """The IAM actions that were really called: `ec2:DescribeSubnets`."""
        return {call.action for call in self.calls}


def _mark(request: Any, **_: object) -> None:
    """Marks a call as one that seeds."""
    request.headers[SEED] = "true"


def _forget() -> None:
    """Puts moto into the state of a new process."""
    BackendDict.reset()
    reset_model_data()
    organizations_backends.master_accounts.clear()
