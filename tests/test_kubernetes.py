"""Kubernetes over real TLS: right numbers, and what faults of servers and networks do."""

import asyncio
import json
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from quota_exporter.board import Board
from quota_exporter.budget import Budget
from quota_exporter.config import Config
from quota_exporter.demo import faults
from quota_exporter.demo.apiserver import ENDPOINTS, Answer, Apiserver
from quota_exporter.demo.kube_objects import captured
from quota_exporter.demo.tls import Authority
from quota_exporter.errors import ApiError, Malformed
from quota_exporter.exposition import identity_body
from quota_exporter.plan import Plan
from quota_exporter.poller import Poller
from quota_exporter.providers.kubernetes.resource_quotas import quantity

SOURCES = {"apiserver", "service_addresses", "nodes", "pods", "node_ports", "resource_quotas"}


class Polled:
    """An exporter without a web, that polls one cluster once at a time."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.hours = 0
        self.budget = Budget(attempts=1, clock=lambda: time.monotonic() + 3600 * self.hours)
        self.board = Board(self.budget)
        self.plan = Plan(self.board, self.budget)
        self.poller = Poller(self.board)
        self.plan.on_change = self.poller.replace

    async def poll(self, server: Apiserver, kubeconfig: Path | None = None, **cluster: object) -> None:
        """Polls everything once, on first use as configured here; an hour after the last time, to the budget."""
        self.hours += 1
        if not self.plan.targets():
            path = kubeconfig or server.kubeconfig(self.folder)
            settings = {"name": "prod", "kubeconfig": str(path), "calls_per_second": 1000, **cluster}
            await self.plan.load(Config.model_validate({"kubernetes": [settings]}))
            await self.poller.once()
        else:
            await asyncio.gather(*(self.poller._poll(pace) for pace in list(self.poller.paces.values())))

    def samples(self) -> dict[tuple[str, ...], float]:
        """What is exported: metric, quota code (or operation, or source) and resource (or reason) to value."""
        for _ in self.board.settle():
            pass
        text = b"".join(identity_body(self.board.segments("text"))).decode()
        found: dict[tuple[str, ...], float] = {}
        for family in text_string_to_metric_families(text):
            for name, labels, value, *_ in family.samples:
                what = labels.get("quota_code") or labels.get("operation") or labels.get("source", "")
                found[name, what, labels.get("resource") or labels.get("reason", "")] = value
        return found

    def errors(self) -> dict[str, list[ApiError]]:
        """What failed, by source."""
        return {job.source: list(entry.errors) for job, entry in self.board.entries.items() if entry.errors}


@pytest.fixture
async def server() -> AsyncIterator[Apiserver]:
    """A cluster that shows a captured page."""
    async with Apiserver() as running:
        yield running


@pytest.fixture
async def polled(tmp_path: Path) -> AsyncIterator[Polled]:
    """An exporter that is closed in the end."""
    made = Polled(tmp_path)
    yield made
    await made.plan.close()


def truth(name: str) -> dict[tuple[str, ...], float]:
    """A captured page as prometheus-client reads it, summed by the labels that matter."""
    wanted = ("priority_level", "reason", "request_kind", "storage_cluster_id", "group", "resource")
    found: defaultdict[tuple[str, ...], float] = defaultdict(float)
    for family in text_string_to_metric_families(captured(name).decode()):
        for sample in family.samples:
            found[sample.name, *(sample.labels[label] for label in wanted if label in sample.labels)] += sample.value
    return found


@pytest.mark.parametrize(
    "name", ["apiserver-before.txt", "apiserver-during-1.txt", "apiserver-during-2.full.txt.gz", "apiserver-after-60s.txt"]
)
async def test_numbers_of_a_real_page(name: str, polled: Polled) -> None:
    """Every number of flow control and storage is the one on the captured page, as an independent parser reads it."""
    expected = truth(name)
    levels = [key[1] for key in expected if key[0] == "apiserver_flowcontrol_nominal_limit_seats"]

    async with Apiserver(name) as server:
        await polled.poll(server)
    found = polled.samples()

    assert len(levels) == 10
    for level in levels:
        resource = f"priority_level={level}"
        executing = expected["apiserver_flowcontrol_current_executing_seats", level]
        nominal = expected["apiserver_flowcontrol_nominal_limit_seats", level]
        assert found["quota_usage", "priority-level-seats", resource] == executing
        assert found.get(("quota_limit", "priority-level-seats", resource)) == (None if level == "exempt" else nominal)
        assert ("quota_ceiling", "priority-level-seats", resource) not in found
    assert found["quota_limit", "server-seats", ""] == 600
    assert found["quota_usage", "server-seats", ""] == sum(
        value for key, value in expected.items() if key[0] == "apiserver_flowcontrol_current_executing_seats"
    )
    for kind in ("readOnly", "mutating"):
        inflight = expected["apiserver_current_inflight_requests", kind]
        assert found["quota_usage", "inflight-requests", f"request_kind={kind}"] == inflight
    size = expected["apiserver_storage_size_bytes", "etcd-0"]
    assert found["quota_usage", "database-size", "storage_cluster_id=etcd-0"] == size
    assert found["quota_ceiling", "database-size", "storage_cluster_id=etcd-0"] == 8 * 2**30
    counts = {key[1:]: value for key, value in expected.items() if key[0] == "apiserver_resource_objects"}
    for (group, kind), value in counts.items():
        shown = found.get(("quota_usage", "objects-per-type", f"type={kind}.{group}" if group else f"type={kind}"))
        assert shown == value or (shown is None and value <= 0)


async def test_requests_and_refusals(polled: Polled) -> None:
    """Between two pages the counters grow by what was dispatched and refused in between, 429s counted once."""
    before, after = truth("apiserver-during-1.txt"), truth("apiserver-after-60s.txt")
    pages = [captured("apiserver-during-1.txt"), captured("apiserver-after-60s.txt")]

    async with Apiserver(lambda: pages[0]) as server:
        await polled.poll(server)
        first = polled.samples()
        pages.pop(0)
        await polled.poll(server)
    found = polled.samples()

    rejected = "apiserver_flowcontrol_rejected_requests_total"
    dispatched = "apiserver_flowcontrol_dispatched_requests_total"
    for level, reason in (("tiny-queue", "queue-full"), ("tiny-reject", "concurrency-limit")):
        refused = after[rejected, level, reason] - before[rejected, level, reason]
        assert first["quota_api_throttled_requests_total", level, reason] == 0
        assert found["quota_api_throttled_requests_total", level, reason] == refused > 0
        requests = after[dispatched, level] - before[dispatched, level] + refused
        assert found["quota_api_requests_total", level, ""] == requests
    assert sum(value for key, value in found.items() if key[0] == "quota_api_throttled_requests_total") == 23479 - 10285


async def test_lists_over_many_pages(server: Apiserver, polled: Polled) -> None:
    """Lists are read to their end, however short the server's pages are, and counted as the objects say."""
    server.most = 7
    room = {node["metadata"]["name"]: int(node["status"]["allocatable"]["pods"]) for node in server.objects["/api/v1/nodes"]}
    bound = Counter(
        pod["spec"]["nodeName"]
        for pod in server.objects["/api/v1/pods"]
        if pod["spec"].get("nodeName") and pod["status"]["phase"] not in ("Succeeded", "Failed")
    )

    await polled.poll(server, cluster_cidrs=["10.244.0.0/20"], node_port_range="30000-30063")
    found = polled.samples()

    fullest = max(room, key=lambda name: bound[name] / room[name])
    assert found["quota_usage", "pods", ""] == sum(bound.values()) < 429
    assert found["quota_limit", "pods", ""] == sum(room.values())
    assert found["quota_usage", "pods-on-fullest-node", ""] == bound[fullest]
    assert found["quota_limit", "pods-on-fullest-node", ""] == room[fullest]
    assert found["quota_usage", "node-pod-cidrs", "family=IPv4"] == 8
    assert found["quota_limit", "node-pod-cidrs", "family=IPv4"] == 16
    assert found["quota_usage", "nodes-without-pod-cidr", ""] == 2
    assert found["quota_usage", "node-ports", ""] == 23
    assert found["quota_usage", "service-cidr-addresses", "cidr=10.96.0.0/24"] == 216
    assert found["quota_limit", "service-cidr-addresses", "cidr=10.96.0.0/24"] == 254
    assert found["quota_usage", "pods", "namespace=team-a,quota=compute"] == 20
    assert polled.errors() == {}


async def test_no_more_requests_than_needed(server: Apiserver, polled: Polled) -> None:
    """A poll of everything asks each thing once: addresses by a single object, nodes for two sources together."""
    await polled.poll(server)

    paths = Counter(request.removeprefix("GET ").partition("?")[0] for request in server.requests)
    assert paths == {
        "/metrics": 1,
        "/api/v1/nodes": 1,
        "/api/v1/pods": 1,
        "/api/v1/services": 1,
        "/api/v1/resourcequotas": 1,
        "/apis/networking.k8s.io/v1/servicecidrs": 1,
        "/apis/networking.k8s.io/v1/ipaddresses": 1,
    }
    assert not any("resourceVersion" in request for request in server.requests)


async def test_several_ranges_are_counted_by_name(server: Apiserver, polled: Polled) -> None:
    """With more than one range, each address is counted where it belongs, over pages of tables."""
    cidrs = server.objects["/apis/networking.k8s.io/v1/servicecidrs"]
    cidrs.append({**cidrs[0], "metadata": {"name": "more"}, "spec": {"cidrs": ["10.96.0.0/28", "fd00::/120"]}})

    await polled.poll(server)
    found = polled.samples()

    assert found["quota_usage", "service-cidr-addresses", "cidr=10.96.0.0/24"] == 216
    assert found["quota_usage", "service-cidr-addresses", "cidr=fd00::/120"] == 0
    assert found["quota_limit", "service-cidr-addresses", "cidr=fd00::/120"] == 255
    assert found["quota_limit", "service-addresses", "family=IPv4"] == 254


async def test_equal_ranges_count_once(server: Apiserver, polled: Polled) -> None:
    """Two ServiceCIDRs may have the same range: it is one range."""
    cidrs = server.objects["/apis/networking.k8s.io/v1/servicecidrs"]
    cidrs.append({**cidrs[0], "metadata": {"name": "again"}})

    await polled.poll(server)
    found = polled.samples()

    assert polled.errors() == {}
    assert found["quota_limit", "service-cidr-addresses", "cidr=10.96.0.0/24"] == 254
    assert found["quota_usage", "service-cidr-addresses", "cidr=10.96.0.0/24"] == 216
    assert ("quota_limit", "service-addresses", "family=IPv4") not in found


async def test_addresses_of_unknown_ranges(server: Apiserver, polled: Polled) -> None:
    """Before ServiceCIDRs, and where nobody says which the ranges are, there is usage and no limit."""
    for version in ("v1", "v1beta1"):
        server.objects.pop(f"/apis/networking.k8s.io/{version}/servicecidrs", None)

    await polled.poll(server)
    found = polled.samples()

    assert found["quota_usage", "service-addresses", "family=IPv4"] == 216
    assert not any(key[0] == "quota_limit" and key[1].startswith("service-") for key in found)


async def test_node_ranges_of_different_sizes(server: Apiserver, polled: Polled) -> None:
    """Ranges of different sizes are counted in the smallest: what is taken of the cluster's range is taken."""
    nodes = server.objects["/api/v1/nodes"]
    nodes[0]["spec"] = {"podCIDRs": ["10.244.15.1/26"]}
    for number, node in enumerate(nodes[1:]):
        node["spec"] = {"podCIDRs": [f"10.244.{number}.0/24"]}

    await polled.poll(server, cluster_cidrs=["10.244.0.0/20"])
    found = polled.samples()

    assert found["quota_usage", "node-pod-cidrs", "family=IPv4"] == 4 * (len(nodes) - 1) + 1
    assert found["quota_limit", "node-pod-cidrs", "family=IPv4"] == 64


async def test_one_bad_object(server: Apiserver, polled: Polled) -> None:
    """A node or an address that cannot be read costs only the sums that would be wrong without it."""
    server.objects["/api/v1/nodes"][0]["status"]["allocatable"]["pods"] = "some"
    server.objects["/api/v1/services"][0]["spec"]["clusterIPs"] = ["010.0.0.1"]

    await polled.poll(server)

    assert {source: [str(error) for error in errors] for source, errors in polled.errors().items()} == {
        "pods": ["node node-00: 'some' is no quantity"]
    }
    assert polled.samples()["quota_usage", "node-ports", ""] == 23


async def test_a_cluster_without_uid(server: Apiserver, polled: Polled) -> None:
    """What is no UID tells no clusters apart: the cluster is not polled under it, and looked for again soon."""
    server.answers["/api/v1/namespaces/kube-system"] = faults.other_json({"metadata": {"uid": 123}})

    await polled.poll(server, name="")

    (error,) = polled.errors()["discovery"]
    assert error.reason == "malformed"
    assert polled.plan.targets() == set()


async def test_throttling_of_one_replica(polled: Polled) -> None:
    """A replica that sends us away for an hour is left alone; the other one is read as before."""
    async with Apiserver() as server, Apiserver() as full:
        full.token, full.authority = server.token, server.authority
        full.answers["/metrics"] = faults.throttled(3600)
        await full.stop()
        await full.start()
        await polled.poll(server, replicas=[full.url, server.url])
        polled.hours -= 1
        await polled.poll(server)
        requests = [len([r for r in one.requests if r == "GET /metrics"]) for one in (full, server)]

    assert requests == [1, 2]
    assert {error.reason for error in polled.errors()["apiserver"]} == {"throttled"}
    assert polled.errors().keys() == {"apiserver"}


async def test_replicas_of_two_versions(polled: Polled) -> None:
    """While servers of two versions run, the database is told once, by the newer name."""
    old = captured("apiserver-replica-b.txt").replace(
        b'apiserver_storage_size_bytes{storage_cluster_id="etcd-0"}', b'apiserver_storage_db_total_size_in_bytes{endpoint="x"}'
    )
    async with Apiserver("apiserver-replica-a.txt") as one, Apiserver(lambda: old) as two:
        two.token, two.authority = one.token, one.authority
        await two.stop()
        await two.start()
        await polled.poll(one, replicas=[one.url, two.url])

    databases = [key[2] for key in polled.samples() if key[:2] == ("quota_usage", "database-size")]
    assert databases == ["storage_cluster_id=etcd-0"]


async def test_expired_continue_token(server: Apiserver, polled: Polled) -> None:
    """A list whose continue token is too old goes on with the one that the server gives, and loses nothing."""
    quotas = server.objects["/api/v1/resourcequotas"]
    answers = [
        (200, {"metadata": {"continue": "old"}, "items": quotas[:3]}),
        (410, {"metadata": {"continue": "new"}, "message": "The provided continue parameter is too old"}),
        (200, {"metadata": {}, "items": quotas[3:]}),
    ]
    asked = []

    async def expires(request: web.Request) -> web.StreamResponse:
        asked.append(request.query.get("continue"))
        status, body = answers.pop(0)
        return web.json_response(body, status=status)

    server.answers["/api/v1/resourcequotas"] = expires
    await polled.poll(server)

    assert asked == [None, "old", "new"]
    assert polled.errors() == {}
    assert {key[2].partition("quota=")[2] for key in polled.samples() if "namespace=" in key[2]} == {
        q["metadata"]["name"] for q in quotas
    }


async def test_endless_list(server: Apiserver, polled: Polled) -> None:
    """A list that always has the same next page ends, as malformed."""
    server.answers["/api/v1/nodes"] = faults.other_json({"metadata": {"continue": "again"}, "items": []})

    await polled.poll(server)

    assert "the same continue token came twice" in str(polled.errors()["nodes"])


async def test_replicas(tmp_path: Path, polled: Polled) -> None:
    """Each replica's own seats and counters are told apart; what is the cluster's is told once."""
    async with Apiserver("apiserver-replica-a.txt") as one, Apiserver("apiserver-replica-b.txt") as two:
        two.token, two.authority = one.token, one.authority
        await two.stop()
        await two.start()
        await polled.poll(one, replicas=[one.url, two.url])
        found = polled.samples()
        names = [server.url.removeprefix("https://") for server in (one, two)]

    assert [found["quota_usage", "server-seats", f"replica={name}"] for name in names] == [13, 1]
    assert found["quota_usage", "priority-level-seats", f"priority_level=tiny-reject,replica={names[0]}"] == 10
    assert found["quota_limit", "priority-level-seats", f"priority_level=tiny-reject,replica={names[0]}"] == 3
    assert sum(key[:2] == ("quota_usage", "database-size") for key in found) == 1


async def test_one_replica_down(polled: Polled) -> None:
    """When one replica cannot be read, the others' readings are posted, and the failure names it."""
    async with Apiserver() as server:
        await polled.poll(server, replicas=[server.url, "https://127.0.0.1:1"])
        found = polled.samples()

    assert found["quota_usage", "server-seats", f"replica={server.url.removeprefix('https://')}"] >= 0
    assert [error.operation for error in polled.errors()["apiserver"]] == ["GET /metrics of 127.0.0.1:1"]
    assert found["quota_exporter_poll_success", "apiserver", ""] == 0


async def test_one_replica_hangs(polled: Polled) -> None:
    """A replica that does not answer takes nothing from the others: all are asked at the same time."""
    async with Apiserver() as server, Apiserver() as silent:
        silent.token, silent.authority = server.token, server.authority
        silent.answers["/metrics"] = faults.hangs
        polled.budget.deadline = 3
        await silent.stop()
        await silent.start()
        await polled.poll(server, replicas=[silent.url, server.url])
        found = polled.samples()

    assert found["quota_usage", "server-seats", f"replica={server.url.removeprefix('https://')}"] >= 0
    assert [error.reason for error in polled.errors()["apiserver"]] == ["timeout"]


@pytest.mark.parametrize("found", [{}, {"ports": None, "endpoints": None}, {"ports": [{"name": "https", "port": 6443}]}])
async def test_no_replicas_are_told(found: dict[str, object], server: Apiserver, polled: Polled) -> None:
    """An EndpointSlice without addresses is malformed, not a cluster without servers."""
    server.answers[ENDPOINTS] = faults.other_json({"metadata": {}, **found})

    await polled.poll(server, replicas="endpoints")

    assert [str(error) for error in polled.errors()["apiserver"]] == ["no address of a kube-apiserver is in it"]


async def test_empty_lists(server: Apiserver, polled: Polled) -> None:
    """A cluster without anything has lists that are empty, or null as Go writes them: that is 0 or nothing, and no failure."""
    for path in ("/api/v1/nodes", "/api/v1/services", "/api/v1/resourcequotas", "/apis/networking.k8s.io/v1/servicecidrs"):
        server.answers[path] = faults.other_json({"metadata": {}, "items": None})
    server.answers["/api/v1/pods"] = faults.other_json({"metadata": {}, "columnDefinitions": [], "rows": None})

    await polled.poll(server)

    assert polled.errors() == {}
    assert polled.samples()["quota_usage", "node-ports", ""] == 0


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("10", 10),
        ("500m", 0.5),
        ("100n", 1e-7),
        ("20Gi", 20 * 2**30),
        ("1.5Ki", 1536),
        ("1Ei", 2**60),
        ("1E", 1e18),
        ("1e3", 1000),
        ("12E-1", 1.2),
        (".5", 0.5),
        ("-3", -3),
        ("+1k", 1000),
    ],
)
def test_quantity(text: str, number: float) -> None:
    """A quantity is the number that Kubernetes means by it."""
    assert quantity(text, "here") == number


@pytest.mark.parametrize("text", ["", "ten", "1 Gi", "1gi", "1e9999999", "0x10", "NaN", "Inf", "1e", "--1", "10\n"])
def test_no_quantity(text: str) -> None:
    """What is none is told as such, with its place."""
    with pytest.raises(Malformed, match=r"here: .* is no quantity"):
        quantity(text, "here")


@pytest.mark.parametrize("metadata", [None, {}, {"continue": ""}])
async def test_expired_without_a_token(metadata: object, server: Apiserver, polled: Polled) -> None:
    """A list that cannot be continued at all fails as unavailable, and is asked for again from its start."""
    body = json.dumps({"metadata": metadata, "message": "too old"}).encode()
    server.answers["/api/v1/resourcequotas"] = faults.fixed(410, body, "application/json")

    await polled.poll(server)

    assert [error.reason for error in polled.errors()["resource_quotas"]] == ["unavailable"]


async def test_ranges_of_one_family_only(server: Apiserver, polled: Polled) -> None:
    """Where the ranges of one family are known and those of the other are not, that one has usage and no limit."""
    server.objects.pop("/apis/networking.k8s.io/v1/servicecidrs")
    server.objects["/api/v1/services"][0]["spec"]["clusterIPs"] = ["10.96.0.1", "fd00::7"]

    await polled.poll(server, service_cidrs=["10.96.0.0/24"])
    found = polled.samples()

    assert found["quota_limit", "service-cidr-addresses", "cidr=10.96.0.0/24"] == 254
    assert found["quota_usage", "service-addresses", "family=IPv6"] == 1
    assert ("quota_limit", "service-addresses", "family=IPv6") not in found


async def test_one_bad_quantity(server: Apiserver, polled: Polled) -> None:
    """A ResourceQuota that cannot be read is named, and costs no other one."""
    (first, *others) = server.objects["/api/v1/resourcequotas"]
    first["status"]["used"][next(iter(first["status"]["hard"]))] = "a few"

    await polled.poll(server)

    (error,) = polled.errors()["resource_quotas"]
    shown = {key[2] for key in polled.samples() if key[0] == "quota_limit" and "namespace=" in key[2]}
    name = f"namespace={first['metadata']['namespace']},quota={first['metadata']['name']}"
    assert str(error) == f"{name}: 'a few' is no quantity"
    assert shown == {f"namespace={q['metadata']['namespace']},quota={q['metadata']['name']}" for q in others}


async def test_one_bad_line(polled: Polled) -> None:
    """A line that is no sample costs what it is part of, and nothing else: never a sum without it."""
    page = captured("apiserver-after-60s.txt") + b'apiserver_flowcontrol_current_executing_seats{priority_level="x"} many\n'

    async with Apiserver(lambda: page) as server:
        await polled.poll(server)
    found = {key[1] for key in polled.samples() if key[0] == "quota_usage"}

    assert "many" in str(polled.errors()["apiserver"])
    assert "database-size" in found
    assert not {"priority-level-seats", "server-seats", "inflight-requests"} & found


async def test_endpoints_tell_the_replicas(server: Apiserver, polled: Polled) -> None:
    """With `replicas: endpoints` the addresses come from the EndpointSlice; certificates name the service, not them."""
    await polled.poll(server, replicas="endpoints")

    assert ("quota_usage", "server-seats", f"replica={server.url.removeprefix('https://')}") in polled.samples()


async def test_without_a_name_the_uid_is_the_account(server: Apiserver, polled: Polled) -> None:
    """A cluster without a name is told apart by its UID."""
    await polled.poll(server, name="")

    assert {target.account for target in polled.plan.targets()} == {server.uid}


async def test_without_name_and_permission(server: Apiserver, polled: Polled) -> None:
    """Where the UID may not be read, the failure says what to do."""
    server.answers["/api/v1/namespaces/kube-system"] = faults.denied("namespaces")

    await polled.poll(server, name="")

    (error,) = polled.errors()["discovery"]
    assert error.reason == "denied"
    assert error.permission == "get namespaces"
    assert "give the cluster a `name` in the config" in str(error)


async def test_each_source_degrades_alone(server: Apiserver, polled: Polled) -> None:
    """A missing permission costs one source, whose failure names it; all others go on."""
    server.answers["/api/v1/pods"] = faults.denied("pods")

    await polled.poll(server)

    assert {source: [error.permission for error in errors] for source, errors in polled.errors().items()} == {
        "pods": ["list pods"]
    }
    assert ("quota_exporter_poll_failure_reason", "GET /api/v1/pods", "denied") in polled.samples()


FAULTS: list[tuple[str, Callable[[], Answer], str, str]] = [
    ("denied", lambda: faults.denied("x"), "denied", "is forbidden"),
    ("throttled", lambda: faults.throttled(0), "throttled", "Too many requests"),
    ("throttled for no known time", lambda: faults.throttled(None), "throttled", "Too many requests"),
    ("unavailable", faults.unavailable, "unavailable", "503: <html>"),
    ("login page", faults.html, "malformed", "login page"),
    ("noise", faults.binary, "malformed", ""),
    ("noise called JSON", lambda: faults.binary("application/json"), "malformed", ""),
    ("broken JSON", faults.not_json, "malformed", ""),
    ("a list for an object", lambda: faults.other_json([1]), "malformed", ""),
    ("an object of another kind", lambda: faults.other_json({"metadata": {}, "items": 5}), "malformed", ""),
    ("items without names", lambda: faults.other_json({"metadata": {}, "items": [{}], "rows": [{}]}), "malformed", ""),
    ("hangs", lambda: faults.hangs, "timeout", "no whole answer within 1 s"),
    ("drips", lambda: faults.drips, "timeout|malformed", ""),
    ("endless", lambda: faults.endless, "malformed|timeout", ""),
    ("reset", lambda: faults.reset(b"# HELP a"), "unreachable|malformed", ""),
    ("cut", lambda: faults.cut(b"# HELP a"), "unreachable|malformed", ""),
    ("empty", lambda: faults.fixed(200, b"", "text/plain"), "malformed", ""),
    (
        "redirect",
        lambda: faults.fixed(302, b"", "text/plain", {"Location": "https://elsewhere.example/"}),
        "malformed",
        "status 302",
    ),
    ("teapot", lambda: faults.fixed(418, b"short and stout", "text/plain"), "malformed", "418: short and stout"),
]


@pytest.mark.parametrize(("fault", "reasons", "words"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
async def test_faults(fault: Callable[[], Answer], reasons: str, words: str, server: Apiserver, tmp_path: Path) -> None:
    """Whatever a server answers, nothing dies and nothing becomes 0: readings stand, the reason is on a metric, all recovers."""
    polled = Polled(tmp_path)
    await polled.poll(server, max_page_size="4MiB")
    before = polled.samples()

    for path in ("/metrics", *server.objects):
        server.answers[path] = fault()
    # Only what never ends is worth a short deadline: a busy machine may be slow to answer anything.
    polled.budget.deadline = 1 if "timeout" in reasons else 30
    await polled.poll(server)
    broken, errors = polled.samples(), polled.errors()
    polled.budget.deadline = 30
    server.answers.clear()
    await polled.poll(server)
    await polled.plan.close()

    assert errors.keys() == SOURCES
    for error in (error for failed in errors.values() for error in failed):
        assert error.reason in reasons.split("|")
        assert words in str(error)
    stood = {key: value for key, value in before.items() if not key[0].startswith("quota_exporter")}
    assert {key: value for key, value in broken.items() if not key[0].startswith("quota_exporter")} == stood
    assert all(broken["quota_exporter_poll_success", source, ""] == 0 for source in SOURCES)
    assert polled.errors() == {}


async def test_wrong_token(server: Apiserver, polled: Polled, tmp_path: Path) -> None:
    """A token that is not accepted is told as such; it is in no message."""
    await polled.poll(server, server.kubeconfig(tmp_path, token="s3cret-token"))

    assert {error.reason for errors in polled.errors().values() for error in errors} == {"expired_credentials"}
    assert "s3cret" not in str(polled.errors())


async def test_rotated_token(server: Apiserver, polled: Polled, tmp_path: Path) -> None:
    """A token file that was rotated is read again when the old token is refused, without a failed poll."""
    file = tmp_path / "token"
    file.write_text(server.token)
    await polled.poll(server, server.kubeconfig(tmp_path, tokenFile="token"))
    server.token = "another"
    file.write_text("another\n")
    await polled.poll(server)

    assert polled.errors() == {}


async def test_wrong_authority(server: Apiserver, polled: Polled, tmp_path: Path) -> None:
    """A certificate of an authority that is not trusted is no connection, and the message says why."""
    await polled.poll(server, server.kubeconfig(tmp_path, ca=Authority().pem))

    errors = [error for failed in polled.errors().values() for error in failed]
    assert {error.reason for error in errors} == {"unreachable"}
    assert all("certificate verify failed" in str(error) for error in errors)


async def test_refused(polled: Polled) -> None:
    """A server that is not there is unreachable."""
    async with Apiserver() as server:
        pass
    await polled.poll(server)

    assert {error.reason for errors in polled.errors().values() for error in errors} == {"unreachable"}


async def test_hostile_labels(polled: Polled) -> None:
    """Quotes, newlines, braces and bytes that are no UTF-8 in a label value come out as valid text."""
    hostile = rb"a\"b\\c\nd } 5 {x=\"y\",\xff\xfe".replace(rb"\xff\xfe", b"\xff\xfe")
    page = b'process_start_time_seconds 1.7e+09\napiserver_resource_objects{group="",resource="' + hostile + b'"} 7\n'

    async with Apiserver(lambda: page) as server:
        await polled.poll(server)
    found = {key: value for key, value in polled.samples().items() if key[:2] == ("quota_usage", "objects-per-type")}

    assert found == {("quota_usage", "objects-per-type", 'type=a"b\\c\nd } 5 {x="y",\ufffd\ufffd'): 7}


async def test_page_cut_anywhere(polled: Polled) -> None:
    """A page that ends in the middle of a line is no page: half a number must not become a reading."""
    page = captured("apiserver-after-60s.txt")[:-3]

    async with Apiserver(lambda: page) as server:
        await polled.poll(server)

    assert [error.reason for error in polled.errors()["apiserver"]] == ["malformed"]
