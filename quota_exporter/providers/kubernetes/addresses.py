"""Source `service_addresses`: addresses of Services against each ServiceCIDR.

https://kubernetes.io/docs/concepts/services-networking/cluster-ip-allocation/
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from quota_exporter.errors import Disabled
from quota_exporter.families import LIMIT, USAGE
from quota_exporter.model import Quota, Reading, Target, dimensions
from quota_exporter.providers.kubernetes.answers import Json
from quota_exporter.providers.kubernetes.api import SHARED, KubernetesApi
from quota_exporter.providers.kubernetes.services import EVERY, every_service
from quota_exporter.providers.kubernetes.settings import Network
from quota_exporter.source import Answer, Source

Address = IPv4Address | IPv6Address

GROUP = "/apis/networking.k8s.io"
VERSIONS = ("v1", "v1beta1")

PER_CIDR = Quota(
    "kube-apiserver",
    "service-cidr-addresses",
    "Service addresses of a CIDR",
    "addresses",
    "allocation",
    "true",
    "list",
    "provider",
)
UNION = Quota(
    "kube-apiserver", "service-addresses", "Service addresses of all CIDRs", "addresses", "allocation", "true", "list", "provider"
)


def usable(cidr: Network) -> int:
    """Addresses that can be given to Services: IPv4 loses the first and the last, IPv6 only the first."""
    return cidr.num_addresses - (2 if cidr.version == 4 else 1)


async def service_addresses(api: KubernetesApi, target: Target) -> Answer:
    """`quota_usage{quota_code="service-cidr-addresses",resource="cidr=10.96.0.0/24",…} 216.0`"""
    for version in VERSIONS:
        try:
            found = [
                item
                async for page in api.pages(f"{GROUP}/{version}/servicecidrs", "list servicecidrs.networking.k8s.io", 250)
                for item in page["items"]
            ]
        except Disabled:
            continue
        return await _counted(api, target, f"{GROUP}/{version}/ipaddresses", found)
    # Before 1.33 neither the ranges nor the addresses are objects of their own.
    services = await api.cached(every_service, SHARED)
    return _readings(target, _distinct(api.cluster.service_cidrs), set(map(ip_address, services.addresses)))


async def _counted(api: KubernetesApi, target: Target, path: str, found: Sequence[Json]) -> Iterator[Reading] | list[Reading]:
    cidrs = _distinct(ip_network(text) for item in found if _ready(item) for text in item["spec"]["cidrs"])
    if len(found) == 1 and len(cidrs) == 1:
        # With one range, all addresses there are belong to it, and paging tells how many.
        used = await _count(api, path)
        if used is not None:
            return list(_one(target, PER_CIDR, dimensions(cidr=str(cidrs[0])), used, usable(cidrs[0])))
    addresses: set[Address] = set()
    async for page in api.pages(path, "list ipaddresses.networking.k8s.io", limit=500, table=True):
        addresses.update(ip_address(row["cells"][0]) for row in page["rows"])
    return _readings(target, cidrs, addresses)


def _distinct(cidrs: Iterable[Network]) -> list[Network]:
    """Those out of which anything can be given, each once: several ServiceCIDRs may have the same range."""
    return [cidr for cidr in dict.fromkeys(cidrs) if usable(cidr) > 0]


def _ready(item: Json) -> bool:
    """Whether addresses are given out of it."""
    conditions = (item.get("status") or {}).get("conditions") or []
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    return ready and "deletionTimestamp" not in item["metadata"]


async def _count(api: KubernetesApi, path: str) -> int | None:
    """How many objects a list has, told by the first page of one; None if the server does not tell."""
    async for page in api.pages(path, "list ipaddresses.networking.k8s.io", limit=1):
        remaining = page["metadata"].get("remainingItemCount")
        if remaining is None and page["metadata"].get("continue"):
            return None
        return len(page["items"]) + int(remaining or 0)
    return None


def _readings(target: Target, cidrs: Sequence[Network], addresses: Collection[Address]) -> Iterator[Reading]:
    for cidr in cidrs:
        used = sum(address in cidr for address in addresses)
        yield from _one(target, PER_CIDR, dimensions(cidr=str(cidr)), used, usable(cidr))
    for version in (4, 6):
        mine = [cidr for cidr in cidrs if cidr.version == version]
        given = sum(address.version == version for address in addresses)
        if not mine and given:
            # Nobody told the ranges of this family, so there is usage without limit.
            yield Reading(target, replace(UNION, limit_source=""), USAGE, given, dimensions(family=f"IPv{version}"))
        if len(mine) > 1:
            # CIDRs may nest: an address counts once, and so does a range within another.
            outer = [c for c in mine if not any(c != other and c.subnet_of(other) for other in mine)]  # type: ignore[arg-type]
            used = sum(any(address in cidr for cidr in outer) for address in addresses)
            yield from _one(target, UNION, dimensions(family=f"IPv{version}"), used, sum(map(usable, outer)))


def _one(target: Target, quota: Quota, resource: str, used: int, limit: int) -> Iterator[Reading]:
    yield Reading(target, quota, USAGE, used, resource)
    yield Reading(target, quota, LIMIT, limit, resource)


SERVICE_ADDRESSES = Source(
    name="service_addresses",
    ask=service_addresses,
    every=EVERY,
    exports="addresses of Services against each ServiceCIDR, and against all where there are several",
    permissions=(
        "list servicecidrs.networking.k8s.io",
        "list ipaddresses.networking.k8s.io",
        "list services (only before Kubernetes 1.33)",
    ),
)
