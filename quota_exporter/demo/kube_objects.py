"""What the embedded kube-apiserver has: captured objects, pods made up to fit them, and lists with paging and tables."""

import base64
import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CAPTURES = Path(__file__).parent / "captures" / "kubernetes"

Json = dict[str, Any]
Objects = dict[str, list[Json]]
"""Objects by the path of their list."""

PODS = "/api/v1/pods"
CAPTURED = {
    "/api/v1/nodes": "nodes.json",
    "/api/v1/services": "services-full.json.gz",
    "/api/v1/resourcequotas": "resourcequotas.json",
    "/apis/networking.k8s.io/v1/servicecidrs": "servicecidrs.json",
    "/apis/networking.k8s.io/v1/ipaddresses": "ipaddresses-full.json.gz",
}
KINDS = {
    PODS: "Pod",
    "/api/v1/nodes": "Node",
    "/api/v1/services": "Service",
    "/api/v1/resourcequotas": "ResourceQuota",
    "/apis/networking.k8s.io/v1/servicecidrs": "ServiceCIDR",
    "/apis/networking.k8s.io/v1/ipaddresses": "IPAddress",
}
POD_COLUMNS = ("Name", "Ready", "Status", "Restarts", "Age", "IP", "Node", "Nominated Node", "Readiness Gates")


def captured(name: str) -> bytes:
    """A capture, unpacked."""
    raw = (CAPTURES / name).read_bytes()
    return gzip.decompress(raw) if name.endswith(".gz") else raw


def objects() -> Objects:
    """Everything captured, and pods."""
    found: Objects = {path: json.loads(captured(name))["items"] for path, name in CAPTURED.items()}
    found[PODS] = _pods(found["/api/v1/nodes"])
    return found


def _pods(nodes: list[Json]) -> list[Json]:
    """429 pods: one in 36 waits for a node, one in 20 has ended, the first nodes are the fullest."""
    pods = []
    room = {node["metadata"]["name"]: int(node["status"]["allocatable"]["pods"]) for node in nodes}
    places = [name for share in range(1, 12) for name, pods_ in room.items() for _ in range(pods_ // 11 + (share == 1))]
    for number in range(429):
        phase = "Succeeded" if number % 20 == 3 else "Failed" if number % 100 == 7 else "Running"
        node = "" if number % 36 == 5 else places[number % len(places)]
        status = {"phase": phase if node else "Pending", "podIP": f"10.244.{number % 16}.{number // 16 + 2}"}
        metadata = {"name": f"web-{number:03}", "namespace": f"team-{'abc'[number % 3]}", "uid": f"pod-{number}"}
        pods.append({"metadata": metadata, "spec": {"nodeName": node} if node else {}, "status": status})
    return pods


def selected(items: list[Json], selector: str) -> list[Json]:
    """The objects that a field selector such as `status.phase!=Failed,spec.nodeName!=` leaves.

    Raises:
        ValueError: A clause cannot be read.
    """
    for clause in filter(None, selector.split(",")):
        name, operator, value = clause.partition("!=")
        parts = name.split(".")
        if not operator or len(parts) != 2:
            raise ValueError(f"unable to parse {clause!r}")
        items = [item for item in items if item[parts[0]].get(parts[1], "") != value]
    return items


def page(path: str, items: list[Json], query: Mapping[str, str], most: int | None, as_table: bool) -> Json:
    """A page of a list, as kube-apiserver gives it.

    Raises:
        KeyError: The continue token is not one of ours, or too old.
        ValueError: The field selector cannot be read.
    """
    selector = query.get("fieldSelector", "")
    items = selected(items, selector)
    start = _position(query["continue"]) if "continue" in query else 0
    limit = min(int(query.get("limit", "0")) or len(items), most or len(items))
    part = items[start : start + limit]
    left = len(items) - start - len(part)
    metadata: Json = {"resourceVersion": "3108"}
    if left > 0:
        metadata["continue"] = base64.b64encode(
            json.dumps({"v": "meta.k8s.io/v1", "rv": 3108, "start": start + limit}).encode()
        ).decode()
        # With a selector the server does not know how many are left.
        if not selector:
            metadata["remainingItemCount"] = left
    if as_table:
        return _table(path, part, metadata, query.get("includeObject", "Metadata"))
    group = "v1" if path.startswith("/api/") else "/".join(path.split("/")[2:4])
    return {"kind": f"{KINDS[path]}List", "apiVersion": group, "metadata": metadata, "items": part}


def _position(token: str) -> int:
    try:
        found = json.loads(base64.b64decode(token, validate=True))
        return int(found["start"])
    except (ValueError, TypeError) as error:
        raise KeyError(token) from error


def _table(path: str, items: list[Json], metadata: Json, include: str) -> Json:
    columns = POD_COLUMNS if path == PODS else ("Name", "ParentRef") if path.endswith("ipaddresses") else ("Name", "Created At")
    rows = [{"cells": _cells(path, item), "object": None if include == "None" else item} for item in items]
    definitions = [
        {
            "name": name,
            "type": "string",
            "format": "name" if name == "Name" else "",
            "description": "",
            "priority": int(index > 4),
        }
        for index, name in enumerate(columns)
    ]
    return {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "columnDefinitions": definitions, "rows": rows}


def _cells(path: str, item: Json) -> list[Any]:
    name = item["metadata"]["name"]
    if path == PODS:
        node = item["spec"].get("nodeName") or "<none>"
        return [name, "1/1", item["status"]["phase"], 0, "7h", item["status"]["podIP"], node, "<none>", "<none>"]
    if path.endswith("ipaddresses"):
        parent = item["spec"]["parentRef"]
        return [name, f"{parent['resource']}/{parent['namespace']}/{parent['name']}"]
    return [name, item["metadata"].get("creationTimestamp", "")]
