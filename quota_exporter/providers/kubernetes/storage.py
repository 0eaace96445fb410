"""What kube-apiserver tells of its storage: the size of etcd's database, and how many objects of each type there are.

https://etcd.io/docs/latest/dev-guide/limit/
https://github.com/kubernetes/community/blob/master/sig-scalability/configs-and-limits/thresholds.md
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from quota_exporter.families import CEILING, LIMIT, USAGE
from quota_exporter.model import Quota, Reading, Target, dimensions
from quota_exporter.providers.kubernetes.settings import Cluster
from quota_exporter.providers.kubernetes.text import Page

DATABASE = Quota("etcd", "database-size", "Size of etcd's database", "bytes", "allocation", "true", "metrics", "documented")
OBJECTS = Quota("etcd", "objects-per-type", "Objects of one type", "objects", "allocation", "false", "metrics", "documented")

SUGGESTED_MAXIMUM = 8 << 30
"""The largest database that etcd's documentation suggests."""

THRESHOLDS = {
    "events": 1_000_000,
    "events.events.k8s.io": 1_000_000,
    "namespaces": 10_000,
    "nodes": 5_000,
    "pods": 150_000,
    "services": 10_000,
}
ANY_TYPE = 150_000
"""Published thresholds: nothing is refused beyond, but the service gets slow. Those of other types are `ANY_TYPE`."""

UNPOLLED = 180.0
"""Seconds after a server's start for which a count of 0 may mean that it has not counted yet (it does every 60 to 132 s)."""

SIZES = ("apiserver_storage_size_bytes", "apiserver_storage_db_total_size_in_bytes", "etcd_db_total_size_in_bytes")
SIZE_LABELS = ("storage_cluster_id", "cluster", "endpoint")
COUNTS = ("apiserver_resource_objects", "apiserver_storage_objects")

WANTED = frozenset({*SIZES, *COUNTS})


def readings(target: Target, pages: Sequence[Page], cluster: Cluster) -> Iterator[Reading]:
    """All replicas tell of the same storage, so the largest figure counts, never the sum."""
    sizes: dict[str, float] = {}
    counts: dict[str, float] = {}
    # One name for all, or a database would be told twice while servers of two versions run.
    name = next((name for name in SIZES if any(name in page.lines for page in pages)), "")
    for page in pages:
        for resource, value in _sizes(page, name):
            sizes[resource] = max(value, sizes.get(resource, 0.0))
        for resource, value in _counts(page):
            counts[resource] = max(value, counts.get(resource, 0.0))
    database = replace(DATABASE, limit_source="configured") if cluster.etcd_quota else DATABASE
    for resource, value in sizes.items():
        yield Reading(target, database, USAGE, value, resource)
        if cluster.etcd_quota:
            yield Reading(target, database, LIMIT, cluster.etcd_quota, resource)
        yield Reading(target, database, CEILING, max(cluster.etcd_quota or 0, SUGGESTED_MAXIMUM), resource)
    for kind, value in counts.items():
        resource = dimensions(type=kind)
        yield Reading(target, OBJECTS, USAGE, value, resource)
        threshold = cluster.object_thresholds.get(kind, THRESHOLDS.get(kind, ANY_TYPE))
        yield Reading(target, OBJECTS, CEILING, threshold, resource)


def _sizes(page: Page, name: str) -> Iterator[tuple[str, float]]:
    """Sizes by database; -1 is unknown."""
    for labels, value in page.samples(name):
        if value >= 0:
            yield dimensions(**{name: labels.get(name, "") for name in SIZE_LABELS}), value


def _counts(page: Page) -> Iterator[tuple[str, float]]:
    """Objects by type, under the newer name where both are there; -1 is unknown, and so is 0 for a while after a start."""
    started = page.started or page.at
    for labels, value in next((samples for name in COUNTS if (samples := page.samples(name))), []):
        kind = labels.get("resource", "")
        group = labels.get("group", "")
        if value > 0 or (value == 0 and page.at - started >= UNPOLLED):
            yield (f"{kind}.{group}" if group else kind), value
