"""What a page of kube-apiserver costs, from bytes to readings, against prometheus-client's parser on the same text."""

import gzip
import time
from collections.abc import Iterator
from functools import partial

from prometheus_client.parser import text_string_to_metric_families

from quota_exporter.model import Reading, Target
from quota_exporter.providers.kubernetes import flowcontrol, storage
from quota_exporter.providers.kubernetes.apiserver import WANTED
from quota_exporter.providers.kubernetes.settings import Cluster
from quota_exporter.providers.kubernetes.text import Filter, Page
from tests.bench.table import Row, faster, interleaved, megabytes
from tests.processes import ROOT

CAPTURE = ROOT / "quota_exporter" / "demo" / "captures" / "kubernetes" / "apiserver-during-2.full.txt.gz"
CHUNK = 1 << 16
TARGET = Target("kubernetes", "prod")


def run(quick: bool) -> Iterator[Row]:
    """A row per size of the page."""
    page = gzip.decompress(CAPTURE.read_bytes())
    for times, text in ((7, page), (5, larger(page, 4))):
        decoded = text.decode()
        ours, reference = interleaved(times, partial(_ours, text), partial(_reference, decoded))
        found = len(_readings(text))
        yield faster(f"kube-apiserver page of {megabytes(len(text) / 1e6)}, {found} readings", ours, reference, 50)


def larger(page: bytes, times: int) -> bytes:
    """The page of a larger cluster: the samples of each family again and again, the first label with other values."""
    lines: list[bytes] = []
    family: list[bytes] = []
    for line in [*page.splitlines(), b"#"]:
        if not line.startswith(b"#"):
            family.append(line)
            continue
        lines += family
        for copy in range(1, times):
            lines += [_other(sample, b"-%d" % copy) for sample in family if b"{" in sample and b'{le="' not in sample]
        family = []
        lines.append(line)
    return b"\n".join(lines[:-1]) + b"\n"


def _other(sample: bytes, suffix: bytes) -> bytes:
    name, _, rest = sample.partition(b'="')
    value, _, rest = rest.partition(b'"')
    return name + b'="' + value + suffix + b'"' + rest


def _readings(text: bytes) -> list[Reading]:
    """What the source `apiserver` does with a page that streams in."""
    reader = Filter(WANTED, Page(time.time()))
    for start in range(0, len(text), CHUNK):
        reader.feed(text[start : start + CHUNK])
    page = reader.finish()
    cluster = Cluster()
    return [*flowcontrol.readings(TARGET, page, cluster), *storage.readings(TARGET, [page], cluster)]


def _ours(text: bytes) -> float:
    began = time.process_time()
    _readings(text)
    return time.process_time() - began


def _reference(text: str) -> float:
    began = time.process_time()
    for _ in text_string_to_metric_families(text):
        pass
    return time.process_time() - began
