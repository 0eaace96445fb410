"""Source `nodes`: node pod CIDRs against the cluster CIDR.

https://kubernetes.io/docs/concepts/cluster-administration/networking/
"""

from collections.abc import Iterable, Iterator
from ipaddress import ip_network
from typing import NamedTuple

from quota_exporter.families import CEILING, LIMIT, USAGE
from quota_exporter.model import Quota, Reading, Target, dimensions
from quota_exporter.providers.kubernetes.api import KubernetesApi
from quota_exporter.providers.kubernetes.resource_quotas import quantity
from quota_exporter.providers.kubernetes.settings import Network
from quota_exporter.source import Answer, Source

PATH = "/api/v1/nodes"
EVERY = 300.0

CIDRS = Quota(
    "kube-controller-manager", "node-pod-cidrs", "Pod ranges for nodes", "ranges", "allocation", "false", "list", "configured"
)
WITHOUT_CIDR = Quota(
    "kube-controller-manager", "nodes-without-pod-cidr", "Nodes that got no pod range", "nodes", "allocation", "unknown", "list"
)


class Node(NamedTuple):
    """What matters of a node.

    Attributes:
        cidrs: Its pod ranges, one per address family.
        pods: How many pods it takes; 0 where it does not tell.
    """

    name: str
    cidrs: tuple[Network, ...]
    pods: float


async def every_node(api: KubernetesApi) -> list[Node]:
    """All nodes. Pages are short, because a node is up to 20 kB of JSON and decoding must not stall the loop."""
    nodes = []
    async for page in api.pages(PATH, "list nodes", limit=50):
        for item in page["items"]:
            spec, status = item["spec"], item["status"]
            cidrs = spec.get("podCIDRs") or [cidr for cidr in [spec.get("podCIDR")] if cidr]
            pods = (status.get("allocatable") or {}).get("pods", "0")
            name = item["metadata"]["name"]
            nodes.append(Node(name, tuple(map(ip_network, cidrs)), quantity(pods, f"node {name}")))
    return nodes


async def nodes(api: KubernetesApi, target: Target) -> Answer:
    """`quota_usage{quota_code="node-pod-cidrs",resource="family=IPv4",…} 16.0`"""
    return _readings(target, await api.cached(every_node, EVERY / 2), api.cluster.cluster_cidrs)


def _readings(target: Target, found: Iterable[Node], cluster_cidrs: Iterable[Network]) -> Iterator[Reading]:
    found = list(found)
    by_version: dict[int, set[Network]] = {}
    for node in found:
        for cidr in node.cidrs:
            by_version.setdefault(cidr.version, set()).add(cidr)
    for version, cidrs in sorted(by_version.items()):
        resource = dimensions(family=f"IPv{version}")
        yield Reading(target, CIDRS, USAGE, len(cidrs), resource)
        mask = max(cidr.prefixlen for cidr in cidrs)
        ranges = [
            2 ** (mask - whole.prefixlen) for whole in cluster_cidrs if whole.version == version and mask >= whole.prefixlen
        ]
        if ranges:
            # The cluster CIDR cannot be changed: where one is stopped is also the furthest one can get.
            yield Reading(target, CIDRS, LIMIT, sum(ranges), resource)
            yield Reading(target, CIDRS, CEILING, sum(ranges), resource)
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
