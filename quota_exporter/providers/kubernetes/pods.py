"""Source `pods`: pods against what nodes take, of the whole fleet and of the fullest node.

https://kubernetes.io/docs/setup/best-practices/cluster-large/
"""

from collections import Counter
from collections.abc import Iterator, Mapping

from quota_exporter.families import CEILING, LIMIT, USAGE
from quota_exporter.model import Quota, Reading, Target
from quota_exporter.providers.kubernetes.api import SHARED, KubernetesApi
from quota_exporter.providers.kubernetes.nodes import EVERY, every_node
from quota_exporter.providers.kubernetes.resource_quotas import quantity
from quota_exporter.source import Answer, Source

PATH = "/api/v1/pods"
# A pod that ended holds no place; one that is bound but not yet running does.
HOLD_A_PLACE = "status.phase!=Succeeded,status.phase!=Failed,spec.nodeName!="

FLEET = Quota("kubelet", "pods", "Pods on all nodes", "pods", "allocation", "true", "list", "provider")
WORST = Quota("kubelet", "pods-on-fullest-node", "Pods on the fullest node", "pods", "allocation", "false", "list", "provider")


async def pods(api: KubernetesApi, target: Target) -> Answer:
    """`quota_usage{quota_code="pods-on-fullest-node",…} 29.0`"""
    nodes = await api.cached(every_node, SHARED)
    room = {node.name: quantity(node.pods, f"node {node.name}") for node in nodes}
    on_node: Counter[str] = Counter()
    # As a table without objects a pod is 200 bytes instead of ten kilobytes.
    async for page in api.pages(PATH, "list pods", limit=500, table=True, fieldSelector=HOLD_A_PLACE):
        if page["rows"]:
            column = next(i for i, c in enumerate(page["columnDefinitions"]) if c["name"] == "Node")
            on_node.update(row["cells"][column] for row in page["rows"])
    return _readings(target, room, on_node)


def _readings(target: Target, room: Mapping[str, float], on_node: Counter[str]) -> Iterator[Reading]:
    # A node for a single pod (Fargate) is always full and never a place to schedule to.
    shared = {name: pods for name, pods in room.items() if pods > 1}
    if not shared:
        return
    yield Reading(target, FLEET, USAGE, sum(on_node[name] for name in shared))
    yield Reading(target, FLEET, LIMIT, sum(shared.values()))
    fullest = max(shared, key=lambda name: on_node[name] / shared[name])
    yield Reading(target, WORST, USAGE, on_node[fullest])
    yield Reading(target, WORST, LIMIT, shared[fullest])
    yield Reading(target, WORST, CEILING, shared[fullest])


PODS = Source(
    name="pods",
    ask=pods,
    every=EVERY,
    exports="pods against the capacity of all nodes, and of the fullest one",
    permissions=("list pods", "list nodes"),
)
