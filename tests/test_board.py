"""The board: what a poll changes, what stands when it fails, and for how long."""

import re

import pytest

from quota_exporter.board import Board
from quota_exporter.budget import Allowance, Budget
from quota_exporter.errors import Denied, Unreachable
from quota_exporter.exposition import identity_body
from quota_exporter.families import API_REQUESTS, LIMIT, USAGE, Family
from quota_exporter.model import JobId, Operation, Quota, Reading, Target

TARGET = Target("aws", "1", "eu-west-1")
LIMITS, USAGES = JobId("limits", TARGET), JobId("usages", TARGET)
MAX_AGE = 180.0


def quota(code: str = "L-1", limit_source: str = "provider", usage_source: str = "cloudwatch") -> Quota:
    """A quota with facts."""
    return Quota("ec2", code, f"Name of {code}", "count", "allocation", "true", usage_source, limit_source)  # type: ignore[arg-type]


def reading(value: float, resource: str = "", measure: Family = USAGE, target: Target = TARGET) -> Reading:
    """A reading of the one quota."""
    return Reading(target, quota(), measure, value, resource)


@pytest.fixture
def board() -> Board:
    """A board with two jobs of one target."""
    made = Board(Budget(clock=lambda: 0.0), clock=lambda: 0.0)
    made.add(USAGES, MAX_AGE)
    made.add(LIMITS, MAX_AGE)
    return made


def page(board: Board, *families: str, **selected: str) -> list[str]:
    """The rendered samples of some families, without the labels that all share."""
    for _ in board.settle():
        pass
    text = b"".join(identity_body(board.segments("text", **selected))).decode()
    for label in ('account="1"', 'provider="aws"', 'quota_code="L-1"', 'region="eu-west-1"', 'service_code="ec2"'):
        text = re.sub(f",{label}|{label},?", "", text)
    return [line for line in text.split("\n") if line.startswith(families)]


def test_whole_replacement(board: Board) -> None:
    """A poll that worked replaces everything its job read before."""
    board.post(USAGES, [reading(1, "a"), reading(2, "b")], (), 0)
    board.post(USAGES, [reading(3, "b")], (), 60)

    assert page(board, "quota_usage") == ['quota_usage{resource="b"} 3.0']


def test_failure_keeps_what_stood(board: Board) -> None:
    """After a failed poll the last readings stand, and the failure is told at once with its reason."""
    board.post(USAGES, [reading(1, "a")], (), 0.0)
    board.post(USAGES, [], [Denied("no", operation="DescribeVpcs", permission="ec2:DescribeVpcs")], 60)

    assert page(board, "quota_usage") == ['quota_usage{resource="a"} 1.0']
    assert page(board, "quota_exporter_poll", "quota_exporter_last") == [
        'quota_exporter_poll_success{source="usages"} 0.0',
        'quota_exporter_poll_failure_reason{operation="DescribeVpcs",permission="ec2:DescribeVpcs",'
        'reason="denied",source="usages"} 1.0',
        'quota_exporter_last_success_timestamp_seconds{source="usages"} 0.0',
    ]


def test_partial_failure(board: Board) -> None:
    """A poll that got part of its answers replaces that part and keeps the rest until it is too old."""
    board.post(USAGES, [reading(1, "a"), reading(2, "b")], (), 0)
    board.post(USAGES, [reading(3, "b")], [Unreachable("reset")], 60)
    kept = page(board, "quota_usage")
    next_time = board.expire(USAGES, 180)

    assert kept == ['quota_usage{resource="b"} 3.0', 'quota_usage{resource="a"} 1.0']
    assert next_time == 240
    assert page(board, "quota_usage") == ['quota_usage{resource="b"} 3.0']


def test_many_partial_failures_keep_few_layers(board: Board) -> None:
    """However often a poll fails in part, no older reading stays hidden behind newer ones."""
    board.post(USAGES, [reading(1, "a"), reading(2, "b")], (), 0)
    for minute in range(1, 20):
        board.post(USAGES, [reading(minute, "b")], [Unreachable("reset")], minute)

    assert len(board.entries[USAGES].layers) == 2
    assert page(board, "quota_usage") == ['quota_usage{resource="b"} 19.0', 'quota_usage{resource="a"} 1.0']


def test_partial_failures_are_shown_each_time(board: Board) -> None:
    """What a poll read before it failed is on the page at once, also after other polls that failed in part; all is counted."""
    board.post(USAGES, [reading(1, "a"), reading(2, "b")], (), 0)
    shown, series = [], []
    for minute in range(1, 4):
        board.post(USAGES, [reading(minute, "b")], [Unreachable("reset")], minute)
        shown.append(page(board, "quota_usage"))
        series.append(board.series["aws"])

    assert shown == [[f'quota_usage{{resource="b"}} {m}.0', 'quota_usage{resource="a"} 1.0'] for m in range(1, 4)]
    assert series == [2, 2, 2]


def test_facts_make_no_second_series(board: Board) -> None:
    """A quota that is told twice with other facts is one series; the second telling is dropped and told as a failure."""
    other = Quota("ec2", "L-1", "Another name", "count", "allocation")
    readings = [reading(1, "a"), Reading(TARGET, other, USAGE, 2, "a"), Reading(TARGET, other, USAGE, 3, "b")]

    errors = board.post(USAGES, readings, (), 0)

    assert page(board, "quota_usage") == ['quota_usage{resource="a"} 1.0', 'quota_usage{resource="b"} 3.0']
    assert [error.reason for error in errors] == ["malformed"]


def test_lone_surrogates_make_no_second_series(board: Board) -> None:
    """Two resources that UTF-8 cannot tell apart are one series."""
    errors = board.post(USAGES, [reading(1, "a\ud800"), reading(2, "a\ud801")], (), 0)

    assert page(board, "quota_usage") == ['quota_usage{resource="a?"} 1.0']
    assert len(errors) == 1


def test_nothing_of_an_untried_job(board: Board) -> None:
    """Before its first poll nothing is told of a job: neither success nor failure."""
    assert page(board, "quota_exporter_poll", "quota_exporter_last") == []


def test_ages_out(board: Board) -> None:
    """Readings vanish when they reach their age; the failure stays."""
    board.post(USAGES, [reading(1)], (), 0)
    board.post(USAGES, [], [Unreachable("refused")], 100)

    assert board.expire(USAGES, 179) == 180
    assert len(page(board, "quota_usage", "quota_info")) == 2
    assert board.expire(USAGES, 180) is None
    assert page(board, "quota_usage", "quota_info") == []
    assert len(page(board, "quota_exporter_poll_success")) == 1


def test_one_owner_per_series(board: Board) -> None:
    """A series that another job already tells is dropped, counted, and told as a failure; the first one stays."""
    board.post(USAGES, [reading(1, "a"), reading(2, "b")], (), 0)
    errors = board.post(LIMITS, [reading(9, "a"), reading(3, "c")], (), 0)

    assert [error.reason for error in errors] == ["malformed"]
    assert page(board, "quota_usage") == [f'quota_usage{{resource="{r}"}} {v}.0' for r, v in (("a", 1), ("b", 2), ("c", 3))]
    assert board.dropped == {"aws": 1}
    assert board.series == {"aws": 3}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_no_number_is_no_reading(board: Board, value: float) -> None:
    """What is no finite number is not exported, whoever told it."""
    errors = board.post(USAGES, [reading(value, "a"), reading(1, "b"), reading(2, "b")], (), 0)

    assert [error.reason for error in errors] == ["malformed"]
    assert str(errors[0]).startswith("2 readings")
    assert page(board, "quota_usage") == ['quota_usage{resource="b"} 1.0']


def test_removed_job_leaves_nothing(board: Board) -> None:
    """With a job go its readings, its failures and, with the last one, the account."""
    board.post(USAGES, [reading(1)], [Unreachable("reset")], 0)
    board.post(LIMITS, [reading(2, measure=LIMIT)], (), 0)
    page(board)
    board.remove(USAGES)
    left = page(board, "quota_usage", "quota_limit", "quota_exporter_poll_success")
    board.remove(LIMITS)

    assert [line.split("{")[0] for line in left] == ["quota_limit", "quota_exporter_poll_success"]
    assert page(board, "quota") == []
    assert board.series == {"aws": 0}


def test_facts_are_told_once(board: Board) -> None:
    """quota_info is told by the job that knows the limit, with the other one's usage source."""
    by_usage = Quota("ec2", "L-1", "Usage's name", "count", "allocation", "unknown", "cloudwatch")
    by_limit = Quota("ec2", "L-1", "Limit's name", "count", "allocation", "true", "", "provider")
    board.post(USAGES, [Reading(TARGET, by_usage, USAGE, 1)], (), 0)
    board.post(LIMITS, [Reading(TARGET, by_limit, LIMIT, 5)], (), 0)
    both = page(board, "quota_info")
    board.remove(LIMITS)

    assert both == [
        'quota_info{adjustable="true",kind="allocation",limit_source="provider",quota_name="Limit\'s name",'
        'unit="count",usage_source="cloudwatch"} 1.0'
    ]
    assert "Usage's name" in page(board, "quota_info")[0]


def test_selection(board: Board) -> None:
    """Provider, account and region select what is sent; a region is no part of a value that looks like one."""
    elsewhere = Target("aws", "1", "us-east-1")
    board.post(USAGES, [reading(1), reading(2, ',region="us-east-1"', target=TARGET), reading(3, target=elsewhere)], (), 0)

    assert [line[-3:] for line in page(board, "quota_usage", region="us-east-1")] == ["3.0"]
    assert len(page(board, "quota_usage", region="eu-west-1")) == 2
    assert page(board, "quota", account="2") == []
    assert page(board, "quota", provider="gcp") == []
    assert len(page(board, "quota_usage", provider="aws", account="1")) == 3


def test_of_other_accounts(board: Board) -> None:
    """A job may read of several accounts; its own state is told once, with its own account."""
    other = Target("aws", "2", "eu-west-1")
    board.post(USAGES, [reading(1), reading(2, target=other)], (), 0)

    assert len(page(board, "quota_usage", account="2")) == 1
    assert len(page(board, "quota_exporter_poll_success")) == 1
    assert page(board, "quota_exporter_poll_success", account="2") == []


def test_only_what_changed_is_rendered(board: Board) -> None:
    """A poll that reads the same numbers makes no work but for its own time."""
    board.post(USAGES, [reading(1)], (), 0)
    page(board)
    before = {family: segments for account in board.accounts() for family, segments in account.segments.items()}
    board.post(USAGES, [reading(1)], (), 60)
    page(board)
    after = {family: segments for account in board.accounts() for family, segments in account.segments.items()}

    assert after[USAGE] is before[USAGE]


def test_large_accounts_have_several_segments(board: Board) -> None:
    """Many rows are split into segments, none of them lost."""
    board.post(USAGES, [reading(i, f"resource-{i}") for i in range(5000)], (), 0)

    assert len(page(board, "quota_usage")) == 5000
    assert len(board.accounts()[0].segments[USAGE]) == 4


def test_counters_stand_while_polls_fail(board: Board) -> None:
    """A failed poll leaves a counter as it is, and the next one that works catches up."""
    states = [
        Reading(TARGET, Operation("kube-apiserver", "system"), API_REQUESTS, value, since=("", 10.0)) for value in (10, 25, 26)
    ]
    shown = []
    for now, (found, errors) in enumerate(
        [(states[:1], ()), (states[1:2], ()), ([], [Unreachable("refused")]), (states[2:], ())]
    ):
        board.post(USAGES, found, errors, now)
        shown += [float(line.rpartition(" ")[2]) for line in page(board, "quota_api_requests_total")]

    assert shown == [0, 15, 15, 16]


def test_own_calls_are_shown(board: Board) -> None:
    """What the exporter itself asks of an account is on the page."""
    budget = Budget(clock=lambda: 0.0)
    board = Board(budget)
    board.add(USAGES, MAX_AGE)
    budget.bucket(TARGET, "ec2", "read", Allowance(1, 2)).calls = 3
    board.post(USAGES, [], (), 0)

    assert page(board, "quota_exporter_api_calls", "quota_exporter_budget") == [
        "quota_exporter_api_calls_total{} 3.0",
        'quota_exporter_budget_available_ratio{operation="read"} 1.0',
    ]
