"""Which resources of a quota are shown, where it is per resource: a few, and always the same as long as they matter."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field

CLOSE = 0.7
"""Part of the limit from which a resource is shown, however many there are."""

CALM = 0.5
CALM_FOR = 86_400.0
"""A resource once shown stays so until it was below `CALM` for so many seconds; else alerts would lose their `for`."""


@dataclass(slots=True)
class Shown:
    """Remembers which resources were shown.

    Attributes:
        most: How many are shown unless more are close to their limit.
        clock: Seconds on a clock that only ever goes forward.
    """

    most: int
    clock: Callable[[], float]
    _mattered: dict[Hashable, dict[str, float]] = field(default_factory=dict)

    def choose(self, quota: Hashable, ratios: Mapping[str, float]) -> set[str]:
        """The resources that are shown.

        Args:
            quota: Whose resources they are.
            ratios: Usage by limit of every resource that there is; where no limit is known, negative and rising with usage.
        """
        now = self.clock()
        fullest = set(sorted(ratios, key=lambda resource: (-ratios[resource], resource))[: self.most])
        before = self._mattered.get(quota, {})
        mattered = {}
        for resource, ratio in ratios.items():
            last = now if ratio >= CALM or resource not in before else before[resource]
            if resource in fullest or ratio >= CLOSE or (resource in before and now - last < CALM_FOR):
                mattered[resource] = last
        self._mattered[quota] = mattered
        return set(mattered)
