"""All Services: node ports in use, and service addresses where no API tells them (before Kubernetes 1.33)."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from quota_exporter.families import LIMIT, USAGE
from quota_exporter.model import Quota, Reading, Target
from quota_exporter.providers.kubernetes.api import SHARED, KubernetesApi
from quota_exporter.source import Answer, Source

PATH = "/api/v1/services"
EVERY = 300.0

NODE_PORTS = Quota("kube-apiserver", "node-ports", "Node ports of Services", "ports", "allocation", "true", "list")


class Services(NamedTuple):
    """What matters of all Services together."""

    addresses: frozenset[str]
    node_ports: int


async def every_service(api: KubernetesApi) -> Services:
    """The distinct addresses of all Services, and how many node ports they hold."""
    addresses: set[str] = set()
    ports: set[int] = set()
    async for page in api.pages(PATH, "list services", limit=250):
        for item in page["items"]:
            spec = item["spec"]
            texts = spec.get("clusterIPs") or [spec.get("clusterIP") or "None"]
            addresses.update(text for text in texts if text != "None")
            ports.update(_node_ports(spec))
    return Services(frozenset(addresses), len(ports))


def _node_ports(spec: dict[str, Any]) -> Iterator[int]:
    """The node ports of a Service. The same number for TCP and UDP is one port of the range."""
    for port in [*(port.get("nodePort") for port in spec.get("ports") or []), spec.get("healthCheckNodePort")]:
        if port:
            yield int(port)


async def node_ports(api: KubernetesApi, target: Target) -> Answer:
    """`quota_usage{quota_code="node-ports",…} 23.0`"""
    found = await api.cached(every_service, SHARED)
    limit = api.cluster.node_ports
    if limit is None:
        return [Reading(target, NODE_PORTS, USAGE, found.node_ports)]
    quota = replace(NODE_PORTS, limit_source="configured")
    return [Reading(target, quota, USAGE, found.node_ports), Reading(target, quota, LIMIT, limit)]


SERVICES = Source(
    name="node_ports",
    ask=node_ports,
    every=EVERY,
    exports="node ports of Services against the configured range",
    permissions=("list services",),
)
