"""The embedded AWS answers as the real one: asked over HTTP by boto3, and by hand where boto3 would hide what is on the wire."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import jmespath
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.parsers import ResponseParserError, create_parser
from botocore.serialize import create_serializer
from botocore.validate import ParamValidator
from urllib3 import PoolManager

from quota_exporter.demo.aws import cbor
from quota_exporter.demo.aws.faults import Denied, Expired, Hangs, Malformed, Rule, Slow, Throttled, Unavailable
from quota_exporter.demo.aws.organization import Member
from quota_exporter.demo.aws.server import ACCOUNT, KEY, SECRET, Aws

REGION = "eu-west-1"
OTHER = "210987654321"
NOW = 1_800_000_000.0
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})
ONCE = Config(retries={"total_max_attempts": 1}, read_timeout=60)


@pytest.fixture
def aws() -> Iterator[Aws]:
    """AWS without anything in it."""
    with Aws() as running:
        yield running


def asking(aws: Aws, service: str, account: str = ACCOUNT, config: Config = ONCE) -> Any:
    """A client like anybody's, that tries once."""
    return aws.session_for(account).client(service, REGION, config=config)


def code_of(ask: Callable[[], object]) -> tuple[str, int]:
    """Code and status of the error that an answer is."""
    with pytest.raises(ClientError) as caught:
        ask()
    return caught.value.response["Error"]["Code"], caught.value.response["ResponseMetadata"]["HTTPStatusCode"]


def pages_of(client: Any, operation: str, **params: Any) -> list[Any]:
    """All pages of an operation."""
    return list(client.get_paginator(operation).paginate(**params))


def send(aws: Aws, path: str, headers: dict[str, str], body: bytes, signing: str = "monitoring") -> Any:
    """A request that is signed and sent without boto3's clients."""
    request = AWSRequest("POST", aws.url + path, {"Host": aws.url.removeprefix("http://")} | headers, body)
    SigV4Auth(Credentials(KEY, SECRET), signing, REGION).add_auth(request)
    with PoolManager() as pool:
        return pool.request("POST", aws.url + path, body=body, headers=dict(request.headers.items()), preload_content=True)


def test_environment_is_all_that_a_client_needs(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 as it comes calls the demo, and acts in the account of the environment."""
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)

    assert boto3.Session().client("sts").get_caller_identity()["Account"] == ACCOUNT
    assert [(call.service, call.operation, call.access_key) for call in aws.calls] == [("sts", "GetCallerIdentity", KEY)]


def test_nothing_stays_in_the_process() -> None:
    """A second use knows nothing of the first, and there cannot be two at a time."""
    with Aws() as first:
        first.client("ec2", REGION, OTHER).create_vpc(CidrBlock="10.0.0.0/16")
        first.organization({"shop": OTHER})
        assert len(first.client("ec2", REGION, OTHER).describe_vpcs()["Vpcs"]) == 2
        with pytest.raises(RuntimeError, match="another"), Aws():
            pass
    threads = {thread.name for thread in threading.enumerate()}
    with Aws() as second:
        assert len(second.client("ec2", REGION, OTHER).describe_vpcs()["Vpcs"]) == 1
        assert (
            code_of(second.client("organizations", REGION, OTHER).describe_organization)[0] == "AWSOrganizationsNotInUseException"
        )

    assert "demo-aws" not in threads


async def test_runs_beside_an_event_loop() -> None:
    """It starts and stops without holding up a loop for longer than a thread takes."""
    async with Aws() as running:
        assert running.url.startswith("http://127.0.0.1:")


def test_accounts_and_regions_are_apart(aws: Aws) -> None:
    """What is made in one account and Region is not seen in another; what seeds is not recorded, what asks is."""
    aws.client("sqs", REGION, OTHER).create_queue(QueueName="here")
    aws.client("kms", "us-east-1", OTHER).create_key()

    found = [
        len(aws.session_for(account).client("kms", region).list_keys()["Keys"])
        for account, region in (
            (OTHER, "us-east-1"),
            (OTHER, REGION),
            (ACCOUNT, "us-east-1"),
        )
    ]

    assert found == [1, 0, 0]
    assert [(call.account, call.region) for call in aws.calls] == [(OTHER, "us-east-1"), (OTHER, REGION), (ACCOUNT, "us-east-1")]
    assert all(before.at <= after.at for before, after in zip(aws.calls, aws.calls[1:], strict=False))


def test_actions_are_those_of_iam(aws: Aws) -> None:
    """Every call is recorded with the action that a policy has to allow for it."""
    for service, operation in (
        ("elb", "describe_load_balancers"), ("elbv2", "describe_load_balancers"), ("efs", "describe_file_systems"),
        ("s3", "list_buckets"), ("cloudwatch", "list_metrics"), ("service-quotas", "list_services"),
        ("lambda", "get_account_settings"), ("ec2", "describe_vpcs"), ("iam", "list_roles"), ("sesv2", "get_account"),
        ("route53", "list_hosted_zones"),
    ):  # fmt: skip
        getattr(asking(aws, service), operation)()

    assert aws.actions() == {
        "elasticloadbalancing:DescribeLoadBalancers", "elasticfilesystem:DescribeFileSystems", "s3:ListAllMyBuckets",
        "cloudwatch:ListMetrics", "servicequotas:ListServices", "lambda:GetAccountSettings", "ec2:DescribeVpcs", "iam:ListRoles",
        "ses:GetAccount", "route53:ListHostedZones",
    }  # fmt: skip
    assert {call.service for call in aws.calls} >= {"elb", "elbv2", "efs", "sesv2"}


USAGE = {
    "MetricNamespace": "AWS/Usage",
    "MetricName": "ResourceCount",
    "MetricDimensions": {"Service": "VPC", "Type": "Resource"},
}


def with_quotas(aws: Aws) -> None:
    """Some quotas of every kind."""
    aws.set_quota("*", "*", "vpc", "L-1", "Subnets", value=300, default=200, usage_metric=USAGE)
    aws.set_quota("*", "*", "vpc", "L-2", "Calls", value=10, period=(1, "SECOND"), adjustable=False)
    aws.set_quota("*", "*", "vpc", "L-3", "Only a default", value=7, only_default=True)
    aws.set_quota("*", "*", "vpc", "L-4", "Not to be had", value=7, error_reason="DEPENDENCY_THROTTLING_ERROR")
    context = {"ContextScope": "RESOURCE", "ContextScopeType": "AWS::ES::Domain", "ContextId": "arn:aws:es:::domain/a"}
    aws.set_quota("*", "*", "es", "L-5", "Of a domain", value=9, context=context)
    aws.set_quota(OTHER, "*", "vpc", "L-1", "Subnets", value=400, default=200)
    aws.set_quota("*", "us-east-1", "iam", "L-6", "Roles", value=1000, global_quota=True)


def test_service_quotas_are_listed(aws: Aws) -> None:
    """Applied and default values, levels, errors, more special values before general ones, and services that are not there."""
    with_quotas(aws)
    here, there = asking(aws, "service-quotas"), asking(aws, "service-quotas", OTHER)

    def listed(client: Any, service: str, **params: Any) -> dict[str, float | None]:
        return {row["QuotaCode"]: row.get("Value") for row in client.list_service_quotas(ServiceCode=service, **params)["Quotas"]}

    assert listed(here, "vpc") == {"L-1": 300, "L-2": 10, "L-4": None}
    assert listed(there, "vpc", QuotaCode="L-1") == {"L-1": 400}
    assert listed(here, "es") == {}
    assert listed(here, "es", QuotaAppliedAtLevel="ALL") == listed(here, "es", QuotaAppliedAtLevel="RESOURCE") == {"L-5": 9}
    defaults = here.list_aws_default_service_quotas(ServiceCode="vpc")["Quotas"]
    assert {row["QuotaCode"]: row["Value"] for row in defaults} == {"L-1": 200, "L-2": 10, "L-3": 7, "L-4": 7}
    one = there.get_service_quota(ServiceCode="vpc", QuotaCode="L-1")["Quota"]
    assert (one["Value"], one["QuotaArn"]) == (400, f"arn:aws:servicequotas:{REGION}:{OTHER}:vpc/L-1")
    assert [row["ServiceCode"] for row in here.list_services()["Services"]] == ["es", "vpc"]
    assert code_of(lambda: here.list_service_quotas(ServiceCode="iam")) == ("NoSuchResourceException", 400)
    assert code_of(lambda: here.get_service_quota(ServiceCode="vpc", QuotaCode="L-3"))[0] == "NoSuchResourceException"


def test_answers_are_what_the_models_say(aws: Aws) -> None:
    """The bytes of every answer of Service Quotas and CloudWatch fit botocore's model, with no member too many."""
    with_quotas(aws)
    aws.quotas.reports.pending = aws.quotas.reports.in_progress = 0
    aws.quotas.reports.percent["*", "*", "vpc", "L-1"] = 12.5
    aws.put_metric(ACCOUNT, REGION, "AWS/Usage", "ResourceCount", {"Service": "VPC"}, points=[(time.time() - 60, 3)])
    checked = []

    def check(http_response: Any, model: Any, **_: object) -> None:
        checked.append(model.name)
        assert ParamValidator().validate(json.loads(http_response.content), model.output_shape).generate_report() == ""

    quotas, metrics = asking(aws, "service-quotas"), asking(aws, "cloudwatch")
    for client in (quotas, metrics):
        client.meta.events.register("after-call", check)
    quotas.list_services()
    for ask in (quotas.list_service_quotas, quotas.list_aws_default_service_quotas):
        ask(ServiceCode="vpc")
    quotas.list_service_quotas(ServiceCode="es", QuotaAppliedAtLevel="ALL")
    quotas.get_service_quota(ServiceCode="vpc", QuotaCode="L-2")
    quotas.get_aws_default_service_quota(ServiceCode="vpc", QuotaCode="L-3")
    quotas.request_service_quota_increase(ServiceCode="vpc", QuotaCode="L-1", DesiredValue=500)
    assert len(quotas.list_requested_service_quota_change_history()["RequestedQuotas"]) == 1
    quotas.list_requested_service_quota_change_history_by_quota(ServiceCode="vpc", QuotaCode="L-1")
    quotas.get_auto_management_configuration()
    report = quotas.start_quota_utilization_report()["ReportId"]
    assert quotas.get_quota_utilization_report(ReportId=report)["TotalCount"] == 1
    assert len(metrics.list_metrics(RecentlyActive="PT3H")["Metrics"]) == 1
    metrics.get_metric_data(**asked_for("ResourceCount", {"Service": "VPC"}, time.time()))

    assert len(set(checked)) == 13


def test_requests_for_increases(aws: Aws) -> None:
    """They are made, found by state and quota, and refused where AWS refuses them."""
    with_quotas(aws)
    quotas = asking(aws, "service-quotas")
    aws.add_request(ACCOUNT, REGION, "es", "L-9", 5, Status="DENIED")
    aws.add_request(OTHER, REGION, "vpc", "L-1", 5)
    made = quotas.request_service_quota_increase(ServiceCode="vpc", QuotaCode="L-1", DesiredValue=500)["RequestedQuota"]

    def history(**params: Any) -> list[tuple[str, str]]:
        found = quotas.list_requested_service_quota_change_history(**params)["RequestedQuotas"]
        return sorted((row["QuotaCode"], row["Status"]) for row in found)

    assert made["Status"] == "PENDING"
    assert history() == [("L-1", "PENDING"), ("L-9", "DENIED")]
    assert history(Status="DENIED") == history(ServiceCode="es") == [("L-9", "DENIED")]
    aws.page_size = 1
    assert len(pages_of(quotas, "list_requested_service_quota_change_history")) == 2
    for code, wanted, error in (
        ("L-1", 600, "ResourceAlreadyExistsException"),
        ("L-2", 20, "IllegalArgumentException"),
        ("L-8", 1, "NoSuchResourceException"),
    ):
        ask = {"ServiceCode": "vpc", "QuotaCode": code, "DesiredValue": wanted}
        assert code_of(lambda ask=ask: quotas.request_service_quota_increase(**ask))[0] == error  # type: ignore[misc]


def test_reports_of_utilization() -> None:
    """A report takes its time, has pages though no paginator, fails on demand and is gone after a quarter of an hour."""
    now = [NOW]
    with Aws(now=lambda: now[0]) as aws:
        with_quotas(aws)
        aws.quotas.reports.percent |= {("*", "*", "vpc", "L-1"): 50.0, (ACCOUNT, "*", "vpc", "L-2"): 95.5}
        quotas = asking(aws, "service-quotas")
        report = quotas.start_quota_utilization_report()["ReportId"]
        states = [quotas.get_quota_utilization_report(ReportId=report)["Status"] for _ in range(3)]
        first = quotas.get_quota_utilization_report(ReportId=report, MaxResults=1)
        second = quotas.get_quota_utilization_report(ReportId=report, MaxResults=1, NextToken=first["NextToken"])
        aws.quotas.reports.failure = "InternalError"
        failed = quotas.get_quota_utilization_report(ReportId=report)
        now[0] += 1000
        gone = code_of(lambda: quotas.get_quota_utilization_report(ReportId=report))

    assert states == ["PENDING", "IN_PROGRESS", "COMPLETED"]
    assert [(page["Quotas"][0]["QuotaCode"], page["Quotas"][0]["Utilization"]) for page in (first, second)] == [
        ("L-2", 95.5),
        ("L-1", 50.0),
    ]
    assert "NextToken" not in second
    assert (failed["Status"], failed["ErrorCode"]) == ("FAILED", "InternalError")
    assert gone == ("NoSuchResourceException", 400)


def test_pages_are_as_large_as_the_service_allows(aws: Aws) -> None:
    """100 quotas on a page unless fewer are asked for; more may not be asked for; a token of nobody's is refused."""
    for number in range(250):
        aws.set_quota("*", "*", "ec2", f"L-{number:03}", "Q", value=number)
    quotas = asking(aws, "service-quotas")

    assert [len(page["Quotas"]) for page in pages_of(quotas, "list_service_quotas", ServiceCode="ec2")] == [100, 100, 50]
    assert len(quotas.list_service_quotas(ServiceCode="ec2", MaxResults=30)["Quotas"]) == 30
    too_many = code_of(lambda: asking(aws, "ec2").describe_route_tables(MaxResults=101))
    assert too_many == ("InvalidParameterValue", 400)
    unknown = code_of(lambda: quotas.list_service_quotas(ServiceCode="ec2", NextToken="abc"))
    assert unknown == ("InvalidPaginationTokenException", 400)


def test_endless_pages(aws: Aws) -> None:
    """An operation can be told to repeat its token for ever."""
    with_quotas(aws)
    aws.endless.add("ListServiceQuotas")
    quotas = asking(aws, "service-quotas")
    first = quotas.list_service_quotas(ServiceCode="vpc")
    again = quotas.list_service_quotas(ServiceCode="vpc", NextToken=first["NextToken"])

    assert (again["NextToken"], again["Quotas"]) == (first["NextToken"], first["Quotas"])


def asked_for(name: str, dimensions: dict[str, str], now: float, **more: Any) -> dict[str, Any]:
    """The parameters of GetMetricData for one metric of AWS/Usage of the last hour."""
    pairs = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    metric = {"Namespace": "AWS/Usage", "MetricName": name, "Dimensions": pairs}
    query = {"Id": "a", "MetricStat": {"Metric": metric, "Period": 300, "Stat": "Maximum"}}
    end = datetime.fromtimestamp(now, UTC)
    return {"MetricDataQueries": [query], "StartTime": end - timedelta(hours=1), "EndTime": end, **more}


def test_metrics_are_found_whatever_the_order_of_dimensions(aws: Aws) -> None:
    """Dimensions in any order, the namespace to the letter, periods that start on the clock, sums and maxima."""
    points = [(NOW - 60 * minute, float(minute)) for minute in range(1, 11)]
    aws.put_metric(ACCOUNT, REGION, "AWS/Usage", "CallCount", {"Service": "EC2", "Type": "API"}, points=points)
    metrics = asking(aws, "cloudwatch")

    def read(stat: str = "Maximum", **changes: Any) -> tuple[list[float], list[float]]:
        ask = asked_for("CallCount", {"Type": "API", "Service": "EC2"}, NOW)
        ask["MetricDataQueries"][0]["MetricStat"]["Stat"] = stat
        ask["MetricDataQueries"][0]["MetricStat"]["Metric"] |= changes
        (result,) = metrics.get_metric_data(**ask)["MetricDataResults"]
        return [at.timestamp() for at in result["Timestamps"]], result["Values"]

    assert NOW % 300 == 0
    assert read() == ([NOW - 300, NOW - 600], [5.0, 10.0])
    assert read("Sum") == ([NOW - 300, NOW - 600], [15.0, 40.0])
    assert read(Namespace="AWS/Other") == read(Dimensions=[{"Name": "Service", "Value": "EC2"}]) == ([], [])


def test_metric_data_has_pages_and_states(aws: Aws) -> None:
    """Points are cut over results, an unfinished one says PartialData, and a state can be set."""
    for name in ("One", "Two", "Bad"):
        aws.put_metric(ACCOUNT, REGION, "AWS/Usage", name, points=[(NOW - 300 * n, n) for n in range(1, 4)])
    aws.metrics.statuses["Bad"] = "Forbidden"
    ask = asked_for("One", {}, NOW)
    for number, name in enumerate(("Two", "Bad")):
        query = json.loads(json.dumps(ask["MetricDataQueries"][0])) | {"Id": f"q{number}"}
        query["MetricStat"]["Metric"]["MetricName"] = name
        ask["MetricDataQueries"].append(query)
    metrics = asking(aws, "cloudwatch")
    aws.metrics.most_points = 4
    first = metrics.get_metric_data(**ask)
    second = metrics.get_metric_data(**ask, NextToken=first["NextToken"])

    def told(page: Any) -> dict[str, tuple[int, str]]:
        return {result["Id"]: (len(result["Values"]), result["StatusCode"]) for result in page["MetricDataResults"]}

    assert told(first) == {"a": (3, "Complete"), "q0": (1, "PartialData"), "q1": (0, "Forbidden")}
    assert told(second) == {"q0": (2, "Complete")}
    assert "NextToken" not in second


def test_metric_queries_that_are_refused(aws: Aws) -> None:
    """More than 500 queries, ids that are none, periods that are none, ends before starts, and expressions."""
    metrics = asking(aws, "cloudwatch")
    ask = asked_for("CallCount", {}, NOW)
    (query,) = ask["MetricDataQueries"]

    def refused(*queries: Any, **times: Any) -> tuple[str, int]:
        return code_of(lambda: metrics.get_metric_data(**(ask | {"MetricDataQueries": queries} | times)))

    wrong = ("ValidationError", 400)
    assert refused(*(query | {"Id": f"a{number}"} for number in range(501))) == wrong
    assert refused(query | {"Id": "L-1"}) == wrong
    assert refused(query, query) == wrong
    assert refused(query | {"MetricStat": query["MetricStat"] | {"Period": 90}}) == wrong
    assert refused({"Id": "a", "Expression": "SERVICE_QUOTA(m1)"}) == wrong
    assert refused(query, StartTime=ask["EndTime"], EndTime=ask["StartTime"]) == wrong
    assert code_of(lambda: metrics.put_metric_data(Namespace="AWS/Usage", MetricData=[{"MetricName": "x", "Value": 1}]))[1] == 400


def test_list_of_metrics() -> None:
    """Filters, pages, what was active lately, and what a monitoring account sees of others."""
    with Aws(now=lambda: NOW) as aws:
        aws.put_metric(ACCOUNT, REGION, "AWS/Usage", "CallCount", {"Service": "EC2"}, points=[(NOW - 60, 1)])
        aws.put_metric(ACCOUNT, REGION, "AWS/Usage", "CallCount", {"Service": "ECR"}, points=[(NOW - 60, 1)])
        aws.put_metric(ACCOUNT, REGION, "AWS/Usage", "CallCount", {"Service": "old"}, points=[(NOW - 4 * 3600, 1)])
        aws.put_metric(OTHER, REGION, "AWS/Usage", "CallCount", {"Service": "EC2"}, points=[(NOW - 60, 1)])
        metrics = asking(aws, "cloudwatch")
        aws.page_size = 2

        def services(**params: Any) -> list[str]:
            return [
                metric["Dimensions"][0]["Value"]
                for page in pages_of(metrics, "list_metrics", **params)
                for metric in page["Metrics"]
            ]

        assert services() == services(Dimensions=[{"Name": "Service"}]) == ["EC2", "ECR", "old"]
        assert services(RecentlyActive="PT3H") == ["EC2", "ECR"]
        assert services(Dimensions=[{"Name": "Service", "Value": "ECR"}]) == ["ECR"]
        assert services(Namespace="AWS/Other") == []
        aws.metrics.monitoring.add(ACCOUNT)
        seen = pages_of(metrics, "list_metrics", IncludeLinkedAccounts=True)
        assert [account for page in seen for account in page["OwningAccounts"]] == [ACCOUNT, ACCOUNT, ACCOUNT, OTHER]


def test_cloudwatch_in_its_three_protocols(aws: Aws) -> None:
    """JSON 1.0 by hand, CBOR and the old query protocol by botocore's serializers say the same, also of errors."""
    aws.put_metric(ACCOUNT, REGION, "AWS/Usage", "CallCount", {"Service": "EC2"}, points=[(NOW - 60, 7)])
    ask = asked_for("CallCount", {"Service": "EC2"}, NOW)
    model = asking(aws, "cloudwatch").meta.service_model.operation_model("GetMetricData")
    found: list[Any] = []
    refusals: list[Any] = []
    for wrong in (False, True):
        if wrong:
            ask["MetricDataQueries"][0]["Id"] = "L-1"
        by_hand = json.dumps(ask, default=lambda at: at.timestamp()).encode()
        target = {"X-Amz-Target": "GraniteServiceVersion20100801.GetMetricData", "Content-Type": "application/x-amz-json-1.0"}
        answers = [("json", send(aws, "/", target, by_hand))]
        for protocol in ("smithy-rpc-v2-cbor", "query"):
            made = create_serializer(protocol).serialize_to_request(ask, model)
            request = AWSRequest("POST", aws.url, data=made["body"])
            answers.append((protocol, send(aws, made["url_path"], dict(made["headers"]), request.body)))
        for protocol, answer in answers:
            response = {"status_code": answer.status, "headers": answer.headers, "body": answer.data}
            parsed = create_parser(protocol).parse(response, model.output_shape)
            (refusals if wrong else found).append(parsed.get("Error", {}).get("Code") if wrong else parsed["MetricDataResults"])

    assert found[0][0]["Values"] == [7.0]
    assert found[0] == found[1] == found[2]
    assert refusals == ["ValidationError"] * 3
    assert aws.calls[0].operation == "GetMetricData"
    assert asking(aws, "cloudwatch").describe_alarms()["MetricAlarms"] == []


@pytest.mark.parametrize(
    "value",
    [0, 23, 24, 255, 256, 65_536, 2**40, -1, -500, 1.5, True, False, "", "ä" * 300, b"\x00" * 30, [], [1, [2]],
     {"a": {"b": [1.0]}}, datetime(2026, 11, 25, 12, tzinfo=UTC)],
    ids=repr,
)  # fmt: skip
def test_cbor_there_and_back(value: object) -> None:
    """What is encoded is decoded to the same."""
    assert cbor.decode(cbor.encode(value)) == value


@pytest.mark.parametrize("raw", [b"", b"\x18", b"\x62a", b"\x81", b"\x00\x00", b"\xff", b"\xfc"], ids=repr)
def test_what_is_no_cbor(raw: bytes) -> None:
    """Bytes that are cut or mean nothing are a ValueError."""
    with pytest.raises(ValueError, match="no CBOR"):
        cbor.decode(raw)


def test_signatures_are_checked(aws: Aws) -> None:
    """A wrong secret, an unknown key, a token of another, no signature: each is refused in the service's words."""

    def signed(service: str, key: str = KEY, secret: str = SECRET, token: str | None = None) -> Any:
        session = boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token, region_name=REGION)
        return session.client(service, endpoint_url=aws.url, config=ONCE)

    wrong, unknown = {"secret": "wrong"}, {"key": "AKIANOBODY0000000000"}
    assert code_of(signed("ec2", **wrong).describe_vpcs) == ("AuthFailure", 401)
    assert code_of(signed("iam", **wrong).list_roles) == ("SignatureDoesNotMatch", 403)
    assert code_of(signed("service-quotas", **wrong).list_services) == ("InvalidSignatureException", 400)
    assert code_of(signed("ec2", **unknown).describe_vpcs) == ("AuthFailure", 401)
    assert code_of(signed("sts", **unknown).get_caller_identity) == ("InvalidClientTokenId", 403)
    assert code_of(signed("eks", **unknown).list_clusters) == ("UnrecognizedClientException", 403)
    borrowed = aws.credentials(OTHER)
    stale = {"key": borrowed["aws_access_key_id"], "secret": borrowed["aws_secret_access_key"], "token": "of-another"}
    assert code_of(signed("kms", **stale).list_keys) == ("UnrecognizedClientException", 400)
    with PoolManager() as pool:
        unsigned = pool.request(
            "POST", aws.url, fields={"Action": "GetCallerIdentity", "Version": "2011-06-15"}, encode_multipart=False
        )
    assert (unsigned.status, b"MissingAuthenticationToken" in unsigned.data) == (403, True)
    asking(aws, "s3", OTHER).list_buckets()


def test_sessions_expire() -> None:
    """Credentials of a role are good for as long as they say."""
    late = [0.0]
    with Aws(now=lambda: time.time() + late[0]) as aws:
        aws.organization({"shop": OTHER})
        role = f"arn:aws:iam::{OTHER}:role/quota-exporter"
        given = asking(aws, "sts").assume_role(RoleArn=role, RoleSessionName="test", DurationSeconds=900)["Credentials"]
        session = boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], REGION)
        client = session.client("sts", endpoint_url=aws.url)
        arn = client.get_caller_identity()["Arn"]
        late[0] = 1000
        expired = code_of(client.get_caller_identity)

    assert arn == f"arn:aws:sts::{OTHER}:assumed-role/quota-exporter/test"
    assert expired == ("ExpiredToken", 403)


def test_an_organization(aws: Aws) -> None:
    """Accounts with names, numbers, units, tags and states; roles that want to be told an external id."""
    made = aws.organization(
        {
            "shop": Member(OTHER, unit="workloads/prod", tags={"team": "a"}),
            "data": Member(unit="workloads", role=""),
            "gone": Member("333333333333", suspended=True),
        },
        external_id="secret",
    )
    aws.page_size = 1
    client, sts = asking(aws, "organizations"), asking(aws, "sts")
    accounts = [account for page in pages_of(client, "list_accounts") for account in page["Accounts"]]

    def assume(number: str, **more: str) -> str:
        ask = {"RoleArn": f"arn:aws:iam::{number}:role/quota-exporter", "RoleSessionName": "test"} | more
        return str(sts.assume_role(**ask)["AssumedRoleUser"]["Arn"])

    assert {(account["Name"], account["State"], account["Status"]) for account in accounts} == {
        ("master", "ACTIVE", "ACTIVE"), ("shop", "ACTIVE", "ACTIVE"), ("data", "ACTIVE", "ACTIVE"),
        ("gone", "SUSPENDED", "SUSPENDED"),
    }  # fmt: skip
    in_prod = client.list_accounts_for_parent(ParentId=made.units["workloads/prod"])["Accounts"]
    assert [account["Id"] for account in in_prod] == [OTHER]
    in_root = client.list_organizational_units_for_parent(ParentId=made.root)["OrganizationalUnits"]
    assert [unit["Name"] for unit in in_root] == ["workloads"]
    assert client.list_tags_for_resource(ResourceId=OTHER)["Tags"] == [{"Key": "team", "Value": "a"}]
    assert assume(OTHER, ExternalId="secret").endswith("assumed-role/quota-exporter/test")
    for number, told in ((OTHER, {}), (OTHER, {"ExternalId": "no"}), (made.accounts["data"], {"ExternalId": "secret"}),
                         ("333333333333", {"ExternalId": "secret"}), ("444444444444", {"ExternalId": "secret"})):  # fmt: skip
        assert code_of(lambda number=number, told=told: assume(number, **told)) == ("AccessDenied", 403)  # type: ignore[misc]
    stranger = asking(aws, "sts", "555555555555")
    role = f"arn:aws:iam::{OTHER}:role/quota-exporter"
    refused = code_of(lambda: stranger.assume_role(RoleArn=role, RoleSessionName="test", ExternalId="secret"))
    assert refused == ("AccessDenied", 403)


FAILURES: list[tuple[Rule, str, str, str, int]] = [
    (Denied(), "ec2", "describe_subnets", "UnauthorizedOperation", 403),
    (Denied(), "iam", "list_roles", "AccessDenied", 403),
    (Denied(), "route53", "list_hosted_zones", "AccessDenied", 403),
    (Denied(), "s3", "list_buckets", "AccessDenied", 403),
    (Denied(), "service-quotas", "list_services", "AccessDeniedException", 400),
    (Denied(), "eks", "list_clusters", "AccessDeniedException", 403),
    (Denied(), "cloudwatch", "list_metrics", "AccessDenied", 400),
    (Throttled(), "ec2", "describe_subnets", "RequestLimitExceeded", 503),
    (Throttled(), "rds", "describe_db_instances", "Throttling", 400),
    (Throttled(), "route53", "list_hosted_zones", "Throttling", 400),
    (Throttled(), "s3", "list_buckets", "SlowDown", 503),
    (Throttled(), "service-quotas", "list_services", "TooManyRequestsException", 400),
    (Throttled(), "lambda", "get_account_settings", "TooManyRequestsException", 429),
    (Throttled(), "kms", "list_keys", "ThrottlingException", 400),
    (Throttled(), "cloudwatch", "list_metrics", "Throttling", 400),
    (Unavailable(), "ec2", "describe_subnets", "Unavailable", 503),
    (Unavailable(), "kms", "list_keys", "ServiceUnavailableException", 503),
    (Unavailable(status=500), "iam", "list_roles", "InternalFailure", 500),
    (Expired(), "ec2", "describe_subnets", "RequestExpired", 400),
    (Expired(), "iam", "list_roles", "ExpiredToken", 403),
    (Expired(), "service-quotas", "list_services", "ExpiredTokenException", 400),
    (Expired(), "eks", "list_clusters", "ExpiredTokenException", 403),
]


def test_every_failure_in_the_words_of_its_service(aws: Aws) -> None:
    """Code and status of each fault, in each protocol."""
    found = []
    for rule, service, operation, _, _ in FAILURES:
        aws.faults[:] = [rule]
        found.append(code_of(getattr(asking(aws, service), operation)))

    assert found == [(code, status) for _, _, _, code, status in FAILURES]


def test_denials_name_who_and_what(aws: Aws) -> None:
    """The message has the caller's ARN and the action, as a person needs them."""
    aws.faults.append(Denied(service="servicequotas", operation="List*", account=OTHER))
    with pytest.raises(ClientError, match="is not authorized to perform: servicequotas:ListServices") as caught:
        asking(aws, "service-quotas", OTHER).list_services()

    assert f"User: arn:aws:sts::{OTHER}:assumed-role/demo/demo " in str(caught.value)
    assert asking(aws, "service-quotas").list_services()["Services"] == []
    assert aws.client("service-quotas", REGION, OTHER).list_services()["Services"] == []


def test_throttling_ends(aws: Aws) -> None:
    """The first calls only, so that who tries again succeeds; and by rate, so that who calls too fast is told."""
    aws.faults[:] = [Throttled(service="kms", times=2)]
    retrying = asking(aws, "kms", config=Config(retries={"mode": "standard", "total_max_attempts": 3}))

    assert retrying.list_keys()["ResponseMetadata"]["RetryAttempts"] == 2

    aws.faults[:] = [Throttled(service="kms", rate=0.001, burst=3)]
    client = asking(aws, "kms")
    for _ in range(3):
        client.list_keys()
    assert code_of(client.list_keys) == ("ThrottlingException", 400)
    assert asking(aws, "kms", OTHER).list_keys()["Keys"] == []


def test_what_is_no_answer(aws: Aws) -> None:
    """HTML, a body that is cut, and nothing at all cannot be read as an answer."""
    with_quotas(aws)
    for how in ("html", "cut", "empty"):
        aws.faults[:] = [Malformed(how=how, service="ec2")]
        with pytest.raises(ResponseParserError):
            asking(aws, "ec2").describe_vpcs()
    aws.faults[:] = [Malformed(how="cut")]
    target = {"X-Amz-Target": "ServiceQuotasV20190624.ListServices", "Content-Type": "application/x-amz-json-1.1"}
    answer = send(aws, "/", target, b"{}", "servicequotas")
    assert answer.status == 200
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        json.loads(answer.data)


def test_hanging_calls_hold_up_nobody() -> None:
    """With 16 calls that are never answered, others are; and the server can be stopped."""
    with Aws() as aws, ThreadPoolExecutor(16) as threads:
        aws.faults.append(Hangs(region="us-west-2"))
        patient = Config(retries={"total_max_attempts": 1}, read_timeout=300, max_pool_connections=16)
        client = aws.session_for(ACCOUNT).client("kms", "us-west-2", config=patient)
        hanging = [threads.submit(client.list_keys) for _ in range(16)]
        while len(aws.calls) < 16:
            time.sleep(0.01)
        answered = asking(aws, "kms").list_keys()["Keys"]
        still = [call.done() for call in hanging]
        aws.stop()
        ends = [call.exception(timeout=60) for call in hanging]

    assert answered == []
    assert still == [False] * 16
    assert None not in ends


def test_slow_calls_and_impatient_callers(aws: Aws) -> None:
    """An answer that comes late is the normal one; who does not wait gets none."""
    aws.faults[:] = [Slow(seconds=0.2)]
    assert asking(aws, "kms").list_keys()["Keys"] == []
    aws.faults[:] = [Hangs()]
    with pytest.raises(ReadTimeoutError):
        asking(aws, "kms", config=Config(retries={"total_max_attempts": 1}, read_timeout=0.2)).list_keys()


def test_what_nobody_can_answer_is_told(aws: Aws) -> None:
    """An operation that is missing is an error of the service, not a page of HTML, and is remembered."""
    codes = [code_of(asking(aws, "ec2").describe_capacity_reservations), code_of(asking(aws, "account").list_regions)]

    assert codes == [("InvalidAction", 400), ("UnknownOperationException", 400)]
    assert [call.action for call in aws.unanswered] == ["ec2:DescribeCapacityReservations", "account:ListRegions"]


def test_rows_can_be_added(aws: Aws) -> None:
    """What moto cannot hold, such as a subnet that another account shares, is in the list all the same."""
    shared = {
        "SubnetId": "subnet-1",
        "OwnerId": OTHER,
        "CidrBlock": "10.9.0.0/24",
        "AvailableIpAddressCount": 9,
        "VpcId": "vpc-1",
    }
    aws.add_rows(ACCOUNT, REGION, "ec2.DescribeSubnets", "Subnets", [shared])
    aws.add_rows(ACCOUNT, REGION, "ec2.DescribeAddresses", "Addresses", [{"Domain": "vpc", "PublicIp": "192.0.2.1"}])
    client = asking(aws, "ec2")

    assert shared in [{name: subnet[name] for name in shared} for subnet in client.describe_subnets()["Subnets"]]
    assert [address["PublicIp"] for address in client.describe_addresses()["Addresses"]] == ["192.0.2.1"]


def test_pages_in_every_protocol(aws: Aws) -> None:
    """Lists come one by one, in order, with nothing lost, whichever protocol it is and whether moto has pages or not."""
    for number in range(3):
        aws.client("ec2", REGION).create_internet_gateway()
        aws.client("rds", REGION).create_db_parameter_group(
            DBParameterGroupName=f"g{number}", DBParameterGroupFamily="postgres16", Description="d"
        )
        aws.client("iam", REGION).create_role(RoleName=f"r{number}", AssumeRolePolicyDocument=TRUST)
        aws.client("kms", REGION).create_key()
        aws.client("dynamodb", REGION).create_table(
            TableName=f"table{number}",
            KeySchema=[{"AttributeName": "a", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "a", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        aws.client("efs", REGION).create_file_system(CreationToken=f"f{number}")
        aws.client("route53", REGION).create_hosted_zone(Name=f"z{number}.org", CallerReference=str(number))
        aws.client("s3", REGION).create_bucket(Bucket=f"bucket{number}", CreateBucketConfiguration={"LocationConstraint": REGION})
    for service, operation, path in (
        ("ec2", "describe_internet_gateways", "InternetGateways[].InternetGatewayId"),
        ("rds", "describe_db_parameter_groups", "DBParameterGroups[].DBParameterGroupName"),
        ("iam", "list_roles", "Roles[].Arn"),
        ("kms", "list_keys", "Keys[].KeyId"),
        ("dynamodb", "list_tables", "TableNames"),
        ("efs", "describe_file_systems", "FileSystems[].FileSystemId"),
        ("route53", "list_hosted_zones", "HostedZones[].Id"),
        ("s3", "list_buckets", "Buckets[].Name"),
    ):
        client = asking(aws, service)
        aws.page_size = None
        whole = jmespath.search(path, getattr(client, operation)())
        aws.page_size = 1
        assert len(whole) == 3, operation
        assert [jmespath.search(path, page) for page in pages_of(client, operation)] == [[item] for item in whole], operation


def test_limits_count_what_there_is(aws: Aws) -> None:
    """Account limits tell what moto really holds, beside maxima that can be set."""
    rds = aws.client("rds", REGION)
    for name in ("one", "two"):
        rds.create_db_instance(
            DBInstanceIdentifier=name, DBInstanceClass="db.t3.micro", Engine="postgres", AllocatedStorage=20,
            MasterUsername="user", MasterUserPassword="password",
        )  # fmt: skip
    rds.create_db_snapshot(DBSnapshotIdentifier="s", DBInstanceIdentifier="one")
    aws.client("route53", REGION).create_hosted_zone(Name="a.org", CallerReference="a")
    aws.client("iam", REGION).create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    aws.set_limit("rds", "DBInstances", 41)
    aws.set_limit("iam", "RolesQuota", 5000, account=ACCOUNT)
    zones = {"Type": "MAX_HOSTED_ZONES_BY_OWNER"}

    quotas = asking(aws, "rds").describe_account_attributes()["AccountQuotas"]
    told = {row["AccountQuotaName"]: (row["Used"], row["Max"]) for row in quotas}
    assert (told["DBInstances"], told["AllocatedStorage"][0], told["ManualSnapshots"][0], told["DBClusters"][0]) == (
        (2, 41),
        40,
        1,
        0,
    )
    of_zones = asking(aws, "route53").get_account_limit(**zones)
    assert (of_zones["Count"], of_zones["Limit"]) == (1, zones | {"Value": 500})
    summary = asking(aws, "iam").get_account_summary()["SummaryMap"]
    assert (summary["Roles"], summary["RolesQuota"]) == (1, 5000)
    assert asking(aws, "iam", OTHER).get_account_summary()["SummaryMap"]["RolesQuota"] == 1000
    assert asking(aws, "autoscaling").describe_account_limits()["NumberOfAutoScalingGroups"] == 0
    assert asking(aws, "lambda").get_account_settings()["AccountUsage"] == {"TotalCodeSize": 0, "FunctionCount": 0}
    assert code_of(lambda: asking(aws, "route53").get_hosted_zone_limit(Type="MAX_RRSETS_BY_ZONE", HostedZoneId="Z"))[1] == 404


def test_clusters_that_moto_lacks(aws: Aws) -> None:
    """Registered clusters are listed when all are asked for; associations belong to a cluster; one that is not is an error."""
    eks, role = aws.client("eks", REGION), "arn:aws:iam::123456789012:role/r"
    eks.create_cluster(name="own", roleArn=role, resourcesVpcConfig={"subnetIds": ["subnet-1"]})
    eks.register_cluster(name="far", connectorConfig={"roleArn": role, "provider": "OTHER"})
    for account in ("a", "b"):
        eks.create_pod_identity_association(clusterName="own", namespace="n", serviceAccount=account, roleArn=role)
    asked = asking(aws, "eks")
    aws.page_size = 1

    assert asked.list_clusters()["clusters"] == ["own"]
    assert [page["clusters"] for page in pages_of(asked, "list_clusters", include=["all"])] == [["own"], ["far"]]
    assert asked.describe_cluster(name="far")["cluster"]["connectorConfig"]["provider"] == "OTHER"
    assert asked.describe_cluster(name="own")["cluster"]["resourcesVpcConfig"]["publicAccessCidrs"] == ["0.0.0.0/0"]
    pages = pages_of(asked, "list_pod_identity_associations", clusterName="own")
    assert [page["associations"][0]["serviceAccount"] for page in pages] == ["a", "b"]
    for ask in (asked.list_nodegroups, asked.list_fargate_profiles, asked.list_pod_identity_associations):
        assert code_of(lambda ask=ask: ask(clusterName="none")) == ("ResourceNotFoundException", 404)  # type: ignore[misc]


def test_a_port_that_is_taken() -> None:
    """Who cannot listen leaves the process free for another."""
    with Aws() as aws:
        port = int(aws.url.rpartition(":")[2])
        aws.front.stopped.set()
    with socket.create_server(("127.0.0.1", port)), pytest.raises(SystemExit):
        Aws().start(port)
    with Aws() as again:
        assert asking(again, "kms").list_keys()["Keys"] == []
