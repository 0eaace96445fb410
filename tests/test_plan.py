"""The plan: jobs come and go with what is found, and a reload changes what is to be changed and nothing else."""

import asyncio
import gc
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import Field

from quota_exporter.board import Board
from quota_exporter.budget import Budget
from quota_exporter.cli.exporter import Exporter
from quota_exporter.config import Config
from quota_exporter.demo import faults
from quota_exporter.demo.apiserver import Apiserver
from quota_exporter.errors import ApiError, ConfigError, Denied, Unreachable
from quota_exporter.exposition import identity_body
from quota_exporter.families import USAGE
from quota_exporter.model import JobId, Quota, Reading, Target
from quota_exporter.plan import DISCOVERY, Plan
from quota_exporter.poller import Poller
from quota_exporter.settings import Entry
from quota_exporter.source import Provider, Source
from tests.conftest import FakeTimeLoop

QUOTA = Quota("things", "T-1", "Things", "count", "allocation")


class Account(Entry):
    """An entry of the cloud of these tests."""

    password: str = Field("right", description="Nothing is opened with a wrong one.")


class Clouds(Config):
    """A configuration that may have that cloud."""

    cloud: tuple[Account, ...] = Field((), description="Its entries.")

    def entries(self) -> Iterator[tuple[Provider[Any], Entry]]:
        """Each entry, with its provider."""
        return ((CLOUD, entry) for entry in self.cloud)


@dataclass
class World:
    """What there is to be found by an entry, what was asked, and which connections are open."""

    found: list[Target | ApiError] = field(default_factory=list)
    down: bool = False
    asked: list[tuple[float, str, str]] = field(default_factory=list)
    connections: list["Connected"] = field(default_factory=list)
    credentials: str = "as they were"

    def opened(self) -> list[int]:
        """Which connections are open, of all that ever were."""
        return [number for number, connection in enumerate(self.connections) if not connection.closed]


WORLDS: dict[str, World] = {}
"""By the name of the entry."""


@dataclass(eq=False)
class Connected:
    """A connection to a world."""

    world: World
    credentials: str
    closed: bool = False

    async def targets(self) -> Iterable[Target | ApiError]:
        """All that is found now."""
        self.world.asked.append((asyncio.get_running_loop().time(), DISCOVERY, ""))
        if self.world.down:
            raise Unreachable("down")
        return list(self.world.found)

    def api(self, target: Target) -> "Connected":
        """Itself."""
        return self

    async def close(self) -> None:
        """Notes it."""
        self.closed = True


def connect(entry: Account, budget: Budget) -> Connected:
    """Opens an entry."""
    if entry.password == "wrong":
        raise ConfigError(f"{entry.name}: the password is wrong")
    world = WORLDS[entry.name]
    world.connections.append(Connected(world, world.credentials))
    return world.connections[-1]


async def things(api: Connected, target: Target) -> list[Reading]:
    """How many things there are."""
    assert not api.closed
    api.world.asked.append((asyncio.get_running_loop().time(), "things", target.account))
    return [Reading(target, QUOTA, USAGE, 1)]


async def rarities(api: Connected, target: Target) -> list[Reading]:
    """Nothing."""
    return []


CLOUD = Provider(
    name="cloud",
    settings=Account,
    sources=(Source("things", things, 60, "things", ()), Source("rarities", rarities, 300, "nothing", (), enabled=False)),
    connect=connect,
    look=lambda: None,
)


class Bench:
    """A plan and a poller in fake time."""

    def __init__(self, loop: FakeTimeLoop):
        self.loop = loop
        budget = Budget(clock=loop.time)
        self.board = Board(budget)
        self.poller = Poller(self.board, clock=loop.time, jitter=lambda: 0.5)
        self.plan = Plan(self.board, budget)
        self.plan.on_change = self.poller.replace

    def load(self, *entries: dict[str, Any], **shared: Any) -> None:
        """Takes a configuration; one of the entry `one` where none is given."""
        config = Clouds.model_validate({"cloud": entries or [{"name": "one"}], **shared})
        self.loop.run_until_complete(self.plan.load(config))

    def run(self, seconds: float) -> None:
        """Polls for so long."""

        async def limited() -> None:
            task = asyncio.create_task(self.poller.run())
            await asyncio.sleep(seconds)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self.loop.run_until_complete(limited())

    def accounts(self) -> list[str]:
        """The accounts whose things are polled, in order."""
        return sorted(job.target.account for job in self.poller.paces if job.source == "things")

    def shown(self) -> list[str]:
        """The accounts that have a usage on the page, in order."""
        for _ in self.board.settle():
            pass
        lines = b"".join(identity_body(self.board.segments("text"))).decode().splitlines()
        return sorted(line.split('"')[1] for line in lines if line.startswith("quota_usage{"))


@pytest.fixture
def bench(fake_time: FakeTimeLoop) -> Iterator[Bench]:
    """A bench in a world of two entries: `one` finds the accounts a and b, `two` finds c."""
    WORLDS["one"], WORLDS["two"] = World([Target("cloud", "a"), Target("cloud", "b")]), World([Target("cloud", "c")])
    made = Bench(fake_time)
    yield made
    fake_time.run_until_complete(made.plan.close())


def failures(bench: Bench, entry: str = "one") -> list[str]:
    """Why the search for targets of an entry failed."""
    return [error.reason for error in bench.board.entries[JobId(DISCOVERY, Target("cloud", entry, ""))].errors]


def times(entry: str, source: str, account: str = "") -> list[float]:
    """When that was asked."""
    return [time for time, *what in WORLDS[entry].asked if what == [source, account]]


# Discovery


def test_found(bench: Bench) -> None:
    """What is found is polled at once, and looked for again after the interval."""
    bench.load()
    bench.run(3700)

    assert bench.accounts() == bench.shown() == ["a", "b"]
    assert times("one", "things", "a")[0] < 1
    assert times("one", DISCOVERY) == pytest.approx([0, 3600])


def test_targets_come_and_go(bench: Bench) -> None:
    """While it runs, what is found newly is polled, what is gone leaves nothing, and what stays keeps its pace."""
    bench.load(discovery_interval="10m")
    bench.run(590)
    WORLDS["one"].found = [Target("cloud", "b"), Target("cloud", "new")]
    bench.run(300)

    assert bench.accounts() == bench.shown() == ["b", "new"]
    assert bench.plan.targets() == {Target("cloud", "b"), Target("cloud", "new")}
    assert max(times("one", "things", "a")) < 600 <= min(times("one", "things", "new")) < 602
    paces = [later - time for time, later in zip(times("one", "things", "b"), times("one", "things", "b")[1:], strict=False)]
    assert paces == pytest.approx([60] * len(paces))
    assert {job.target.account for job in bench.board.entries} == {"one", "b", "new"}


def test_renamed_account(bench: Bench) -> None:
    """The name of an account that was renamed is on its facts after the next search, and its readings stand meanwhile."""

    def named() -> list[str]:
        for _ in bench.board.settle():
            pass
        lines = b"".join(identity_body(bench.board.segments("text"))).decode().splitlines()
        return [line for line in lines if line.startswith("quota_info{") and 'account="a"' in line]

    WORLDS["one"].found = [Target("cloud", "a", account_name="old")]
    bench.load(discovery_interval="10m")
    bench.run(590)
    before = named()
    WORLDS["one"].found = [Target("cloud", "a", account_name="new")]
    bench.run(20)

    assert ['account_name="old"' in line for line in before] == [True]
    assert ['account_name="new"' in line for line in named()] == [True]
    assert bench.shown() == ["a"]


def test_failed_discovery(bench: Bench) -> None:
    """When nothing can be found out, nothing is given up, the failure is told as any other, and it is tried again soon."""
    bench.load(discovery_interval="10m")
    bench.run(590)
    WORLDS["one"].down = True
    bench.run(400)
    broken = (bench.accounts(), failures(bench))
    WORLDS["one"].down = False
    bench.run(400)

    assert broken == (["a", "b"], ["unreachable"])
    assert bench.accounts() == bench.shown() == ["a", "b"]
    assert failures(bench) == []
    assert len(times("one", DISCOVERY)) > 4


def test_first_discovery_fails(bench: Bench) -> None:
    """An exporter that starts when nothing can be reached finds its targets as soon as it can."""
    WORLDS["one"].down = True
    bench.load()
    bench.run(60)
    before = bench.accounts()
    WORLDS["one"].down = False
    bench.run(120)

    assert before == []
    assert bench.shown() == ["a", "b"]


def test_partial_discovery(bench: Bench) -> None:
    """When a part of the search failed, what was found is added and nothing is given up; a whole one then decides."""
    bench.load(discovery_interval="10m")
    bench.run(590)
    WORLDS["one"].found = [Denied("one folder", permission="list accounts"), Target("cloud", "new")]
    bench.run(20)
    partial = (bench.accounts(), failures(bench))
    WORLDS["one"].found = [Target("cloud", "new")]
    bench.run(700)

    assert partial == (["a", "b", "new"], ["denied"])
    assert (bench.accounts(), failures(bench)) == (["new"], [])


def test_nothing_found(bench: Bench) -> None:
    """A search that worked and found nothing is believed."""
    bench.load(discovery_interval="10m")
    bench.run(590)
    WORLDS["one"].found = []
    bench.run(20)

    assert bench.accounts() == bench.shown() == []


def test_found_twice(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """A target that two entries find is polled by the first one, and warned of once."""
    WORLDS["two"].found.append(Target("cloud", "b"))
    everywhere = {"rarities": {"enabled": True}}

    bench.load({"name": "one", "sources": everywhere}, {"name": "two", "sources": everywhere}, discovery_interval="10m")
    bench.run(4000)

    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warnings == ["cloud/b/global is found by two entries of the config; the first one polls it"]
    assert times("two", "things", "b") == []
    assert bench.accounts() == ["a", "b", "c"]


def test_found_twice_then_once(bench: Bench) -> None:
    """When the first of two entries with the same target goes, the second polls it, and its series stay."""
    WORLDS["two"].found.append(Target("cloud", "b"))
    bench.load({"name": "one"}, {"name": "two"})
    bench.run(30)
    bench.load({"name": "two"})
    shown = bench.shown()
    bench.run(30)

    assert shown == bench.shown() == ["b", "c"]
    assert times("two", "things", "b") == [30]


# Settings


def test_sources(bench: Bench) -> None:
    """A source is polled as it says itself, unless the config says otherwise."""
    off, on = {"things": {"enabled": False}}, {"rarities": {"enabled": True}, "things": {"interval": "5m"}}
    bench.load({"name": "one", "sources": off}, {"name": "two", "sources": on})
    bench.run(10)

    found = {(job.source, job.target.account): pace.job.every for job, pace in bench.poller.paces.items() if job.target.region}
    assert found == {("rarities", "c"): 300, ("things", "c"): 300}


def test_max_age(bench: Bench) -> None:
    """Readings stand for three intervals, or as long as the config says."""
    bench.load()
    bench.run(10)
    first = {job.source: entry.max_age for job, entry in bench.board.entries.items()}
    bench.load(max_age="1h")
    second = {job.source: entry.max_age for job, entry in bench.board.entries.items()}

    assert first == {DISCOVERY: 3 * 3600, "things": 180}
    assert second["things"] == 3600


# Reload


def test_same_again(bench: Bench) -> None:
    """A reload of the same file changes nothing: connections stay open, and jobs keep their pace."""
    bench.load({"name": "one"}, {"name": "two"})
    bench.run(30)
    bench.load({"name": "one"}, {"name": "two"})
    bench.run(40)

    assert [world.opened() for world in (WORLDS["one"], WORLDS["two"])] == [[0], [0]]
    assert times("one", "things", "a") == pytest.approx([0, 60], abs=0.1)
    assert len(times("one", DISCOVERY)) == 1


def test_changed_entry(bench: Bench) -> None:
    """An entry that changed is opened anew and asked at once, its series stand meanwhile; others notice nothing."""
    bench.load({"name": "one"}, {"name": "two"})
    bench.run(30)
    bench.load({"name": "one", "password": "new"}, {"name": "two"})
    shown = bench.shown()
    bench.run(5)

    assert shown == bench.shown() == ["a", "b", "c"]
    assert [world.opened() for world in (WORLDS["one"], WORLDS["two"])] == [[1], [0]]
    assert times("one", "things", "a") == pytest.approx([0, 30], abs=0.1)
    assert times("two", "things", "c") == pytest.approx([0], abs=0.1)


def test_changed_credentials(bench: Bench) -> None:
    """An entry that is as it was, but whose files of credentials changed, is opened anew by a reload."""
    bench.load({"name": "one"}, {"name": "two"})
    bench.run(30)
    WORLDS["one"].credentials = "rotated"
    bench.load({"name": "one"}, {"name": "two"})
    bench.run(5)

    assert [world.opened() for world in (WORLDS["one"], WORLDS["two"])] == [[1], [0]]
    assert times("one", "things", "a") == pytest.approx([0, 30], abs=0.1)


def test_changed_entry_that_finds_others(bench: Bench) -> None:
    """What only the old settings found is polled until it is known what the new ones find."""
    bench.load()
    bench.run(30)
    WORLDS["one"].found = [Target("cloud", "b")]
    bench.load({"name": "one", "password": "new"})
    before = bench.accounts()
    bench.run(5)

    assert before == ["a", "b"]
    assert bench.accounts() == bench.shown() == ["b"]


def test_removed_entry(bench: Bench) -> None:
    """An entry that is gone is closed, its jobs end and its series are gone at once."""
    bench.load({"name": "one"}, {"name": "two"})
    bench.run(30)
    bench.load({"name": "two"})
    shown = bench.shown()
    bench.run(120)

    assert shown == bench.shown() == ["c"]
    assert [connection.closed for connection in WORLDS["one"].connections] == [True]
    assert {job.target.account for job in bench.board.entries} == {"two", "c"}
    assert max(time for time, *_ in WORLDS["one"].asked) < 30


def test_added_entry(bench: Bench) -> None:
    """An entry that is new is opened and asked; the order of entries does not matter."""
    bench.load({"name": "one"})
    bench.run(30)
    bench.load({"name": "two"}, {"name": "one"})
    bench.run(5)

    assert bench.shown() == ["a", "b", "c"]
    assert WORLDS["one"].opened() == [0]


def test_source_switched_off(bench: Bench) -> None:
    """A source that is switched off is asked no more, and its series are gone at once."""
    bench.load()
    bench.run(30)
    bench.load({"name": "one", "sources": {"things": {"enabled": False}}})

    assert bench.accounts() == bench.shown() == []


def test_another_interval_for_all(bench: Bench) -> None:
    """What holds for all entries takes effect in each of them."""
    bench.load()
    bench.run(30)
    bench.load(discovery_interval="2m")
    bench.run(150)

    assert times("one", DISCOVERY) == pytest.approx([0, 30, 150], abs=0.1)


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_cannot_be_opened(bad: int, bench: Bench) -> None:
    """If one entry cannot be opened, all is as it was before, and what was opened in vain is closed."""
    bench.load({"name": "one"}, {"name": "two"})
    bench.run(30)
    entries: list[dict[str, Any]] = [{"name": "one", "password": "new"}, {"name": "two", "calls_per_second": 5}]
    entries.insert(bad, {"name": "three", "password": "wrong"})

    with pytest.raises(ConfigError, match="three: the password is wrong"):
        bench.load(*entries, max_age="1d")
    bench.run(40)

    assert bench.shown() == ["a", "b", "c"]
    for world in (WORLDS["one"], WORLDS["two"]):
        first, *opened_in_vain = world.connections
        assert not first.closed
        assert all(connection.closed for connection in opened_in_vain)
    assert sum(len(world.connections) for world in WORLDS.values()) == 2 + bad
    assert times("one", "things", "a") == pytest.approx([0, 60], abs=0.1)
    assert {entry.max_age for job, entry in bench.board.entries.items() if job.source == "things"} == {180}


def test_good_after_bad(bench: Bench) -> None:
    """After a file that was refused, a good one is taken as if nothing had been."""
    bench.load({"name": "one"})
    with pytest.raises(ConfigError):
        bench.load({"name": "one", "password": "wrong"}, {"name": "two"})
    bench.load({"name": "one"}, {"name": "two"})
    bench.run(5)

    assert bench.shown() == ["a", "b", "c"]
    assert WORLDS["one"].opened() == [0]


def test_close(bench: Bench) -> None:
    """In the end every connection is closed."""
    bench.load({"name": "one"}, {"name": "two"})
    bench.loop.run_until_complete(bench.plan.close())

    assert [connection.closed for world in WORLDS.values() for connection in world.connections] == [True, True]


async def until(true: Callable[[], bool]) -> None:
    """Waits for something to become true; fails when it takes very long."""
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - what it waits for tells nobody
            await asyncio.sleep(0.01)


async def test_reload_while_a_cluster_hangs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An entry can be exchanged while its cluster does not answer: what is under way is ended without a trace."""
    async with Apiserver() as server:
        for path in ("/metrics", *server.objects):
            server.answers[path] = faults.hangs
        entry = {"name": "prod", "kubeconfig": str(server.kubeconfig(tmp_path)), "calls_per_second": 1000}
        config = tmp_path / "config.yaml"
        config.write_text(yaml.safe_dump({"kubernetes": [entry]}))
        exporter = Exporter(config)
        await exporter.reload()
        async with exporter.running():
            await until(lambda: len(server.requests) == 5)
            server.answers.clear()
            config.write_text(yaml.safe_dump({"kubernetes": [entry | {"calls_per_second": 500}]}))
            await exporter.reload()
            await until(lambda: all(entry.succeeded for entry in exporter.board.entries.values()))
    # asyncio tells of an error that nobody waited for when its task is forgotten.
    gc.collect()

    assert exporter.poller.ready()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
