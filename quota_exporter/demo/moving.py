"""A captured page of `/metrics` that lives: gauges wander, counters grow, now and then there is a burst of refusals."""

import math
import time
from collections.abc import Callable

from quota_exporter.demo.kube_objects import captured

Rule = Callable[[float, float], float]
"""The value at some seconds of age, from the captured one."""


def _wander(amount: float, period: float) -> Rule:
    return lambda age, value: round(max(0.0, value + amount * (1 + math.sin(2 * math.pi * age / period))))


def _grow(per_second: float) -> Rule:
    return lambda age, value: value + round(per_second * age)


def _burst(per_second: float, period: float) -> Rule:
    """Grows in the last fifth of each period only."""
    return lambda age, value: value + round(per_second * period * (age // period + max(0.0, 5 * (age % period / period) - 4)))


FLOW = "apiserver_flowcontrol_"
LOW = '{flow_schema="service-accounts",priority_level="workload-low"}'
QUEUE = '{flow_schema="loader-b",priority_level="tiny-queue"}'
REJECT = '{flow_schema="loader-a",priority_level="tiny-reject",reason="concurrency-limit"}'

RULES: dict[str, Rule] = {
    f"{FLOW}current_executing_seats{LOW}": _wander(90, 300),
    f"{FLOW}current_executing_seats{QUEUE}": _wander(2, 120),
    f"{FLOW}current_inqueue_requests{QUEUE}": _wander(3, 120),
    f"{FLOW}dispatched_requests_total{LOW}": _grow(40),
    f"{FLOW}rejected_requests_total{REJECT}": _burst(5, 180),
    'apiserver_current_inflight_requests{request_kind="readOnly"}': _wander(60, 200),
    'apiserver_current_inflight_requests{request_kind="mutating"}': _wander(15, 260),
    'apiserver_storage_size_bytes{storage_cluster_id="etcd-0"}': _grow(20_000),
    'apiserver_resource_objects{group="",resource="configmaps"}': _grow(2),
}


class MovingPage:
    """The capture, moved on to now: the process began when this was made."""

    def __init__(self, name: str = "apiserver-after-60s.txt", clock: Callable[[], float] = time.time):
        self._lines = captured(name).decode().split("\n")
        self._clock = clock
        self._started = clock()

    def __call__(self) -> bytes:
        """The page now."""
        age = self._clock() - self._started
        return "\n".join(self._moved(line, age) for line in self._lines).encode()

    def _moved(self, line: str, age: float) -> str:
        series, _, value = line.rpartition(" ")
        if series == "process_start_time_seconds":
            # As old as the capture, so that its counts are believed at once.
            return f"{series} {self._started - 300!r}"
        rule = RULES.get(series)
        return line if rule is None else f"{series} {rule(age, float(value))!r}"
