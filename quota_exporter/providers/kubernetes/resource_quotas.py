"""Source `resource_quotas`: every ResourceQuota of every namespace.

https://kubernetes.io/docs/concepts/policy/resource-quotas/
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Any

from quota_exporter.errors import Malformed
from quota_exporter.families import LIMIT, USAGE
from quota_exporter.model import Quota, Reading, Target, dimensions
from quota_exporter.providers.kubernetes.api import KubernetesApi
from quota_exporter.source import Answer, Source, whole

PATH = "/api/v1/resourcequotas"
QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d{1,3})|(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?)")
POWERS = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
BYTES = ("memory", "storage", "ephemeral-storage")


def quantity(text: str, where: str) -> float:
    """A Kubernetes quantity such as `500m`, `20Gi` or `1e3` as a number.

    Raises:
        Malformed: It is none; `where` is in the message.

    https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
    """
    match = QUANTITY.fullmatch(str(text))
    if match is None:
        raise Malformed(f"{where}: {str(text)[:100]!r} is no quantity")
    number, exponent, suffix = match.groups()
    if suffix and suffix.endswith("i"):
        return float(Decimal(number) * 1024 ** ("KMGTPE".index(suffix[0]) + 1))
    return float(Decimal(number).scaleb(int(exponent or POWERS.get(suffix or "", 0))))


def unit(name: str) -> str:
    """The canonical unit of a resource of a quota."""
    last = name.rpartition("/")[2].rpartition(".")[2]
    if name.startswith("count/"):
        return "count"
    if last == "cpu":
        return "cores"
    if last in BYTES or last.startswith("hugepages-"):
        return "bytes"
    return "count"


@lru_cache(maxsize=4096)
def quota(name: str) -> Quota:
    """The quota of a resource name, such as `requests.cpu`."""
    return Quota("resourcequotas", name, f"ResourceQuota {name}", unit(name), "allocation", "true", "status", "provider")


async def resource_quotas(api: KubernetesApi, target: Target) -> Answer:
    """`quota_usage{quota_code="requests.cpu",resource="namespace=shop,quota=compute",…} 3.5`"""
    pages = api.pages(PATH, "list resourcequotas", limit=250)
    return [found async for page in pages for item in page["items"] for found in whole(_readings(target, item))]


def _readings(target: Target, item: dict[str, Any]) -> Iterator[Reading]:
    # Only what the controller accounts for is in status; before it ran there is none.
    status = item.get("status") or {}
    used = status.get("used") or {}
    # Scopes and equal names make sums over quotas meaningless: the quota's name is part of the identity.
    resource = dimensions(namespace=item["metadata"]["namespace"], quota=item["metadata"]["name"])
    for name, hard in (status.get("hard") or {}).items():
        yield Reading(target, quota(name), LIMIT, quantity(hard, resource), resource)
        if name in used:
            yield Reading(target, quota(name), USAGE, quantity(used[name], resource), resource)


RESOURCE_QUOTAS = Source(
    name="resource_quotas",
    ask=resource_quotas,
    every=60,
    exports="used and hard of every ResourceQuota",
    permissions=("list resourcequotas",),
)
