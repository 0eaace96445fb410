"""Sources and providers: what one can ask, and of whom."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from quota_exporter.budget import Budget
from quota_exporter.errors import ApiError
from quota_exporter.model import Reading, Target
from quota_exporter.settings import Entry, SourceSettings

Answer = Iterable[Reading | ApiError]
"""What a source brings home; an error among the readings stands for the part that failed."""

Api = TypeVar("Api")
T = TypeVar("T")
Settings = TypeVar("Settings", bound=Entry)


class Effort(NamedTuple):
    """What polling once takes.

    Attributes:
        calls: Calls to the provider on average, where every list fits on one page.
        usd: What they are billed at, at most, at list price in US dollars.
    """

    calls: float = 1.0
    usd: float = 0.0


@dataclass(frozen=True, slots=True)
class Source(Generic[Api]):
    """A question one can put to any target of a provider.

    Attributes:
        name: The label `source` of the metrics about polls.
        ask: Asks once, through the api and nothing else. Raises ApiError when everything failed.
        every: Seconds between two polls.
        exports: What it tells, in words.
        permissions: What it must be allowed, in the provider's words.
        enabled: Whether it is polled unless the config says otherwise.
        applies: Whether an entry's target can be asked it at all.
        effort: What one poll takes, with an entry's settings.
    """

    name: str
    ask: Callable[[Api, Target], Awaitable[Answer]]
    every: float
    exports: str
    permissions: tuple[str, ...]
    enabled: bool = True
    applies: Callable[[Any, Target], bool] = lambda entry, target: True
    effort: Callable[[Any], Effort] = lambda entry: Effort()

    def polls(self, entry: Entry, target: Target) -> bool:
        """Whether an entry's target is asked it."""
        wanted = entry.sources.get(self.name, SourceSettings()).enabled
        return (self.enabled if wanted is None else wanted) and self.applies(entry, target)


def whole(readings: Iterable[Reading]) -> list[Reading | ApiError]:
    """Readings that are right only together; where one of them cannot be read, the error in the place of all."""
    try:
        return list(readings)
    except ApiError as error:
        return [error]


async def outcome(asked: Awaitable[T]) -> T | ApiError:
    """What was asked, or why it was not answered, so that others asked beside it are not lost."""
    try:
        return await asked
    except ApiError as error:
        return error


class Connection(Protocol):
    """An entry of the config, opened: finds the targets and gives the api to ask them through."""

    @property
    def credentials(self) -> object:
        """What it was opened with beside the entry: unequal when a file of credentials was changed in between."""

    async def targets(self) -> Iterable[Target | ApiError]:
        """All targets now; an error among them says that some may be missing."""

    def api(self, target: Target) -> Any:
        """The api through which sources ask this target."""

    async def close(self) -> None:
        """Ends what is open. Never raises."""


@dataclass(frozen=True, slots=True)
class Provider(Generic[Settings]):
    """A cloud, and all that one can ask it.

    Attributes:
        name: The label `provider`; also the key in the config, whose value is a list of `settings`.
        settings: The pydantic model of one entry of the config.
        sources: Every source of the provider.
        connect: Opens an entry; cheap, imports the provider's SDK, asks nothing yet. Raises ConfigError.
        look: What the environment offers without any config, as an entry; None if nothing.
    """

    name: str
    settings: type[Settings]
    sources: tuple[Source[Any], ...]
    connect: Callable[[Settings, Budget], Connection]
    look: Callable[[], Settings | None]
