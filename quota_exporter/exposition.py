"""The text that Prometheus reads: lines, segments, and bodies made of segments.

A segment is text deflated as a run of raw blocks that ends with a full flush, together with its CRC and length. Segments
in any order make one valid gzip member, whose CRC is combined from theirs; never several members one after another,
because common clients stop after the first. Labels in sorted order make the text byte-identical to prometheus-client's.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from prometheus_client import Metric
from prometheus_client.exposition import generate_latest as generate_text
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from quota_exporter.families import Family
from quota_exporter.model import Target

try:
    # Same interface and format as zlib, several times faster.
    from isal import isal_zlib as deflater
    from isal.isal_zlib import crc32_combine as combine_crc
except ImportError:
    import zlib as deflater  # type: ignore[no-redef]

    from quota_exporter.crc import combine as combine_crc

Format = Literal["text", "openmetrics"]
FORMATS: tuple[Format, ...] = ("text", "openmetrics")

CONTENT_TYPES: dict[Format, str] = {
    "text": "text/plain; version=0.0.4; charset=utf-8",
    "openmetrics": "application/openmetrics-text; version=1.0.0; charset=utf-8",
}

CHUNK = 1 << 18
"""Bytes of a piece of a body; at the speed of a loopback, a tenth of a millisecond."""

LARGE = 1 << 16
"""Bytes of a text that is worth a call to the system by itself."""

GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
LAST_BLOCK = b"\x03\x00"
EOF = "# EOF\n"

Fragments = tuple[str, str, str]
"""The text of a series' own labels: what sorts before `provider`, before `region`, and after (with the closing brace)."""


def escape(value: str) -> str:
    """A label value as it stands between quotes; characters that UTF-8 does not know become question marks."""
    text = value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def fragments(labels: Iterable[tuple[str, str]]) -> Fragments:
    """The text of labels, to be put between those of a target; empty ones are left out."""
    gaps = ["", "", ""]
    for name, value in sorted(labels):
        if value:
            gaps[(name > "provider") + (name > "region")] += f',{name}="{escape(value)}"'
    return gaps[0], gaps[1], gaps[2] + "} "


def lines(family: Family, target: Target, rows: Sequence[Fragments], values: Sequence[float]) -> str:
    """The samples of one family of one target, a line each."""
    account = f'{family.name}{{account="{escape(target.account)}"'
    provider = f',provider="{escape(target.provider)}"'
    region = f',region="{escape(target.region)}"' if target.region else ""
    return "".join(
        [
            # Go's text differs from repr only from a million up.
            f"{account}{first}{provider}{second}{region}{third}{repr(value) if value < 1e6 else floatToGoString(value)}\n"
            for (first, second, third), value in zip(rows, values, strict=True)
        ]
    )


def in_region(text: bytes, region: str) -> bytes:
    """Only the lines of one region. Within a value every quote is escaped, so the label's text is found nowhere else."""
    wanted = f',region="{escape(region)}"'.encode()
    # Not splitlines: a value may hold a carriage return.
    return b"".join(line + b"\n" for line in text.split(b"\n") if wanted in line)


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of the exposition, ready to be sent.

    Attributes:
        deflated: Raw deflate blocks, ended by a full flush.
        crc: CRC-32 of the text.
        length: Bytes of the text.
    """

    deflated: bytes
    crc: int
    length: int

    @staticmethod
    def of(text: str | bytes) -> "Segment":
        """Deflates a text."""
        raw = text.encode() if isinstance(text, str) else text
        packer = deflater.compressobj(1, deflater.DEFLATED, -15)
        return Segment(packer.compress(raw) + packer.flush(deflater.Z_FULL_FLUSH), deflater.crc32(raw), len(raw))

    def text(self) -> bytes:
        """Inflates the text again."""
        # With a little more room than is needed, because without it the buffer would grow once.
        text: bytes = deflater.decompress(self.deflated + LAST_BLOCK, -15, self.length + 64)
        return text


def gzip_length(segments: Iterable[Segment]) -> int:
    """Bytes of the gzip body of these segments."""
    return len(GZIP_HEADER) + sum(len(segment.deflated) for segment in segments) + len(LAST_BLOCK) + 8


def gzip_body(segments: Iterable[Segment]) -> Iterator[bytes]:
    """One gzip member, in pieces of about CHUNK bytes."""
    crc = length = size = 0
    pieces = [GZIP_HEADER]
    for segment in segments:
        pieces.append(segment.deflated)
        size += len(segment.deflated)
        crc = combine_crc(crc, segment.crc, segment.length)
        length += segment.length
        if size >= CHUNK:
            yield b"".join(pieces)
            pieces, size = [], 0
    yield b"".join([*pieces, LAST_BLOCK, struct.pack("<II", crc, length & 0xFFFFFFFF)])


def identity_body(segments: Iterable[Segment]) -> Iterator[bytes]:
    """The bare text, in pieces of about CHUNK bytes; a large segment by itself, because to join it would cost a copy."""
    pieces: list[bytes] = []
    size = 0
    for segment in segments:
        pieces.append(segment.text())
        size += segment.length
        if size >= CHUNK or segment.length >= LARGE:
            yield b"".join(pieces)
            pieces, size = [], 0
    yield b"".join(pieces)


class _Registered(Collector):
    """A collector of given metrics."""

    def __init__(self, metrics: Iterable[Metric]):
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def metric(family: Family) -> Metric:
    """The family as prometheus-client knows it, without samples."""
    suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
    return Metric(family.name.removesuffix(suffix), family.help, family.type, family.unit)


def own(registry: Collector, form: Format) -> str:
    """What prometheus-client renders, without the end mark."""
    if form == "text":
        return generate_text(registry).decode()
    openmetrics: bytes = generate_openmetrics(registry)
    return openmetrics.decode().removesuffix(EOF)


@lru_cache
def header(family: Family, form: Format) -> Segment:
    """HELP, TYPE and UNIT of a family."""
    return Segment.of(own(_Registered([metric(family)]), form))
