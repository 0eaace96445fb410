"""What every entry of the config has in common, and the kinds of values that are written in it."""

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?(|k|M|G|T|Ki|Mi|Gi|Ti)B?")
_BYTES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def _duration(value: Any) -> float:
    """Seconds of a text such as `90s` or `1h30m`."""
    text = str(value)
    parts = _DURATION.findall(text)
    if not parts or "".join(map("".join, parts)) != text:
        raise ValueError("no duration; write it like 90s, 5m or 1h30m")
    return float(sum(float(number) * _SECONDS[unit] for number, unit in parts))


def _size(value: Any) -> int:
    """Bytes of a text such as `8GiB`."""
    match = _SIZE.fullmatch(str(value))
    if not match:
        raise ValueError("no size; write it like 2GiB or 500MB")
    return int(float(match[1]) * _BYTES[match[2]])


def _at_least_a_second(value: float) -> float:
    if value < 1:
        raise ValueError("must be at least 1s")
    return value


Duration = Annotated[float, BeforeValidator(_duration, json_schema_input_type=str), AfterValidator(_at_least_a_second)]
"""Seconds, written like `90s`, `5m` or `1h30m`."""

Seconds = Annotated[float, BeforeValidator(_duration, json_schema_input_type=str)]
"""Seconds, written like `Duration`, but there may be fewer than one."""

Size = Annotated[int, BeforeValidator(_size, json_schema_input_type=str)]
"""Bytes, written like `8GiB`."""

UserPath = Annotated[Path, AfterValidator(Path.expanduser)]
"""A path that may start with `~`."""


class Section(BaseModel):
    """A part of the config; unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class SourceSettings(Section):
    """How one source is polled."""

    enabled: bool | None = Field(None, description="Whether to poll this source; the source's own default if not given.")
    interval: Duration | None = Field(None, description="Time between two polls; the source's own default if not given.")


class Entry(Section):
    """What every entry of a provider's list has in common."""

    name: str = Field(
        "", max_length=200, description="Label `account` where the provider has no better word; names this entry in logs."
    )
    sources: dict[str, SourceSettings] = Field(
        default_factory=dict, description="Settings per source; `quota-exporter sources` lists them."
    )
    calls_per_second: float | None = Field(None, gt=0, description="Replaces the published rate our own calls keep to.")
    proxy: str | None = Field(None, description="URL of the proxy; HTTPS_PROXY and NO_PROXY are honoured without it.")

    def every(self, source: str, default: float) -> float:
        """Seconds between two polls of a source, whose own default is given."""
        return self.sources.get(source, SourceSettings()).interval or default

    @property
    def label(self) -> str:
        """Names the entry, uniquely among those of its provider."""
        return self.name
