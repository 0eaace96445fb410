"""Source `nodes`: node pod CIDRs against the cluster CIDR.

https://kubernetes.io/docs/concepts/cluster-administration/networking/
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from ipaddress import ip_network
from typing import NamedTuple

from quota_exporter.families import CEILING, LIMIT, USAGE
from quota_exporter.model import Quota, Reading, Target, dimensions
from quota_exporter.providers.kubernetes.api import SHARED, KubernetesApi
from quota_exporter.providers.kubernetes.settings import Network
from quota_exporter.source import Answer, Source

PATH = "/api/v1/nodes"
EVERY = 300.0

CIDRS = Quota("kube-controller-manager", "node-pod-cidrs", "Pod ranges for nodes", "ranges", "allocation", "false", "list")
WITHOUT_CIDR = Quota(
    "kube-controller-manager", "nodes-without-pod-cidr", "Nodes that got no pod range", "nodes", "allocation", "unknown", "list"
)


class Node(NamedTuple):
    """What matters of a node.

    Attributes:
        cidrs: Its pod ranges, one per address family.
        pods: How many pods it takes, as a quantity; 0 where it does not tell.
    """

    name: str
    cidrs: tuple[Network, ...]
    pods: str


async def every_node(api: KubernetesApi) -> list[Node]:
    """All nodes. Pages are short, because a node is up to 20 kB of JSON and decoding must not stall the loop."""
    nodes = []
    async for page in api.pages(PATH, "list nodes", limit=50):
        for item in page["items"]:
            spec, status = item["spec"], item["status"]
            cidrs = spec.get("podCIDRs") or [cidr for cidr in [spec.get("podCIDR")] if cidr]
            pods = (status.get("allocatable") or {}).get("pods", "0")
            # As Kubernetes does, bits of a host are passed over.
            ranges = tuple(ip_network(cidr, strict=False) for cidr in cidrs)
            nodes.append(Node(item["metadata"]["name"], ranges, pods))
    return nodes


async def nodes(api: KubernetesApi, target: Target) -> Answer:
    """`quota_usage{quota_code="node-pod-cidrs",resource="family=IPv4",…} 16.0`"""
    return _readings(target, await api.cached(every_node, SHARED), api.cluster.cluster_cidrs)


def _readings(target: Target, found: Iterable[Node], cluster_cidrs: Iterable[Network]) -> Iterator[Reading]:
    found = list(found)
    by_version: dict[int, set[Network]] = {}
    for node in found:
        for cidr in node.cidrs:
            by_version.setdefault(cidr.version, set()).add(cidr)
    for version, cidrs in sorted(by_version.items()):
        resource = dimensions(family=f"IPv{version}")
        mask = max(cidr.prefixlen for cidr in cidrs)
        ranges = sum(
            2 ** (mask - whole.prefixlen) for whole in cluster_cidrs if whole.version == version and mask >= whole.prefixlen
        )
        quota = replace(CIDRS, limit_source="configured") if ranges else CIDRS
        # Pools of nodes may have ranges of different sizes: all are counted in the smallest.
        yield Reading(target, quota, USAGE, sum(2 ** (mask - cidr.prefixlen) for cidr in cidrs), resource)
        if ranges:
            # The cluster CIDR cannot be changed: where one is stopped is also the furthest one can get.
            yield Reading(target, quota, LIMIT, ranges, resource)
            yield Reading(target, quota, CEILING, ranges, resource)
    # Where no node has a range, another network plug-in hands out addresses, and none is missing.
    if by_version:
        yield Reading(target, WITHOUT_CIDR, USAGE, sum(not node.cidrs for node in found))


NODES = Source(
    name="nodes",
    ask=nodes,
    every=EVERY,
    exports="node pod CIDRs against the configured cluster CIDR, nodes that got none",
    permissions=("list nodes",),
)
