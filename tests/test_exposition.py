"""The exposition: byte-identical to prometheus-client, one gzip member, however it is put together."""

import gzip
import re
import subprocess
import sys
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import generate_latest as generate_text
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from quota_exporter.board import Board
from quota_exporter.budget import Budget
from quota_exporter.crc import combine
from quota_exporter.exposition import EOF, Format, Segment, gzip_body, gzip_length, identity_body, metric
from quota_exporter.families import API_REQUESTS, CEILING, LIMIT, USAGE
from quota_exporter.model import JobId, Operation, Quota, Reading, Target
from quota_exporter.snapshot import labels

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SHOWN = (USAGE, LIMIT, CEILING, API_REQUESTS)
VALUES = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**60), 2**60).map(float))


def quota(code: str, service: str = "ec2") -> Quota:
    """A quota whose facts do not matter."""
    return Quota(service, code, "Name", "count", "allocation")


@st.composite
def some_readings(draw: st.DrawFn) -> list[Reading]:
    """Readings of one account with any label values, no series twice."""
    account = draw(TEXT.filter(bool))
    found: dict[tuple[object, ...], Reading] = {}
    for _ in range(draw(st.integers(0, 12))):
        target = Target("aws", account, draw(TEXT))
        family = draw(st.sampled_from(SHOWN))
        service, code, resource = draw(TEXT.filter(bool)), draw(TEXT.filter(bool)), draw(TEXT)
        subject = Operation(service, code) if family is API_REQUESTS else quota(code, service)
        resource = "" if family is API_REQUESTS else resource
        found[target, family, service, code, resource] = Reading(target, subject, family, draw(VALUES), resource)
    return list(found.values())


def board_of(readings: list[Reading], *more: list[Reading]) -> Board:
    """A rendered board with a job per list of readings."""
    board = Board(Budget())
    for index, read in enumerate([readings, *more]):
        if read:
            job = JobId(f"source{index}", read[0].target)
            board.add(job, 60)
            board.post(job, read, (), 1000.0)
    for _ in board.settle():
        pass
    return board


def body(board: Board, form: Format = "text") -> str:
    """What is served of the families that these tests post."""
    text = b"".join(identity_body(board.segments(form))).decode()
    names = {family.name for family in SHOWN} | {metric(family).name for family in SHOWN}
    return "".join(block for block in re.split("(?m)^(?=# HELP )", text) if block and block.split(" ", 3)[2] in names)


class Oracle(Collector):
    """The same readings as prometheus-client would have them."""

    def __init__(self, readings: list[Reading]):
        self._readings = readings

    def collect(self) -> list[Metric]:
        """A metric per family, samples in the order of targets."""
        found = []
        for family in SHOWN:
            mine = [r for r in self._readings if r.measure is family]
            targets = list(dict.fromkeys(r.target for r in mine))
            one = metric(family)
            for reading in sorted(mine, key=lambda r: targets.index(r.target)):
                own = {"provider": reading.target.provider, "account": reading.target.account, "region": reading.target.region}
                every = own | dict(labels((reading.quota, reading.resource)))
                one.add_sample(family.name, {name: value for name, value in every.items() if value}, reading.value)
            if mine:
                found.append(one)
        return found


@settings(max_examples=200, deadline=None)
@given(some_readings())
def test_identical_to_prometheus_client(readings: list[Reading]) -> None:
    """Text and OpenMetrics are byte for byte what prometheus-client renders of the same readings."""
    registry = CollectorRegistry()
    registry.register(Oracle(readings))

    board = board_of(readings)

    assert body(board) == generate_text(registry).decode()
    assert body(board, "openmetrics") == generate_openmetrics(registry).decode().removesuffix(EOF)


@settings(max_examples=100, deadline=None)
@given(some_readings())
def test_parses_back(readings: list[Reading]) -> None:
    """What prometheus-client's parser reads of the page are the readings."""
    parsed = text_string_to_metric_families(body(board_of(readings)))

    found = {(s.name, tuple(sorted(s.labels.items()))): s.value for family in parsed for s in family.samples}
    assert len(found) == len(readings)
    assert sorted(found.values()) == sorted(r.value for r in readings)


def test_lone_surrogates_do_not_break_the_page() -> None:
    """A label value that no UTF-8 can hold is shown with question marks."""
    board = board_of([Reading(Target("aws", "1"), quota("L-1"), USAGE, 1, "a\ud800b")])

    assert 'resource="a?b"' in body(board)


def test_of_what_is_empty_there_is_no_header() -> None:
    """A family without samples is not on the page."""
    assert "quota_limit" not in body(board_of([Reading(Target("aws", "1"), quota("L-1"), USAGE, 1)]))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=2000), max_size=8))
def test_segments_make_one_gzip_member(texts: list[bytes]) -> None:
    """Any segments one after another are one valid gzip member of the announced length."""
    segments = [Segment.of(text) for text in texts]

    packed = b"".join(gzip_body(segments))

    inflater = zlib.decompressobj(31)
    assert inflater.decompress(packed) == b"".join(texts)
    assert inflater.eof
    assert inflater.unused_data == b""
    assert len(packed) == gzip_length(segments)
    assert b"".join(identity_body(segments)) == b"".join(texts)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_combined_crc(first: bytes, second: bytes) -> None:
    """The CRC of two texts is known from theirs."""
    assert combine(zlib.crc32(first), zlib.crc32(second), len(second)) == zlib.crc32(first + second)


def test_without_isal() -> None:
    """Where isal is not installed, zlib makes a body that reads the same."""
    script = """
import sys; sys.modules["isal"] = None
from quota_exporter.exposition import Segment, combine_crc, gzip_body
assert combine_crc.__module__ == "quota_exporter.crc"
segments = [Segment.of("hello " * 1000), Segment.of(""), Segment.of("world" * 5000)]
assert segments[0].text() == b"hello " * 1000
sys.stdout.buffer.write(b"".join(gzip_body(segments)))
"""

    packed = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout

    assert gzip.decompress(packed) == b"hello " * 1000 + b"world" * 5000


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0"),
        (1.0, "1.0"),
        (0.1, "0.1"),
        (999999.0, "999999.0"),
        (1e6, "1e+06"),
        (13557760.0, "1.355776e+07"),
        (-2e6, "-2000000.0"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    """Numbers are written as Go and prometheus-client write them."""
    assert body(board_of([Reading(Target("aws", "1"), quota("L-1"), USAGE, value)])).endswith(f" {text}\n")
