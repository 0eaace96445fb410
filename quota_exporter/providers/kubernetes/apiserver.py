"""Source `apiserver`: what kube-apiserver's own metrics tell of its limits."""

from quota_exporter.model import Target
from quota_exporter.providers.kubernetes import flowcontrol, storage
from quota_exporter.providers.kubernetes.api import KubernetesApi
from quota_exporter.providers.kubernetes.text import Page
from quota_exporter.source import Answer, Source, whole

WANTED = flowcontrol.WANTED | storage.WANTED | {"process_start_time_seconds"}


async def apiserver(api: KubernetesApi, target: Target) -> Answer:
    """`quota_usage{quota_code="priority-level-seats",resource="priority_level=workload-low",…} 1.0`"""
    answers = await api.metrics(WANTED)
    pages = [answer for answer in answers if isinstance(answer, Page)]
    failed = [answer for answer in answers if not isinstance(answer, Page)]
    flow = [found for page in pages for found in whole(flowcontrol.readings(target, page, api.cluster))]
    return [*flow, *whole(storage.readings(target, pages, api.cluster)), *failed]


APISERVER = Source(
    name="apiserver",
    ask=apiserver,
    every=60,
    exports="seats, queues, requests and refusals per priority level, in-flight requests, etcd size, objects per type",
    permissions=("get /metrics", "get endpointslices.discovery.k8s.io (only with `replicas: endpoints`)"),
)
