"""The configuration file: YAML, checked as a whole, every mistake told with its line."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, create_model

from quota_exporter.providers import PROVIDERS
from quota_exporter.settings import Duration, Entry, Section
from quota_exporter.source import Provider
from quota_exporter.yaml_file import Mistake, YamlFile, meant


class _Shared(Section):
    """What holds for all providers."""

    max_age: Duration | None = Field(None, description="How long readings stand when polls fail; three intervals by default.")
    discovery_interval: Duration = Field(3600.0, description="Time between two searches for targets.")


class Config(
    create_model(  # type: ignore[misc]
        "Config",
        __base__=_Shared,
        **{provider.name: (tuple[provider.settings, ...], ()) for provider in PROVIDERS},  # type: ignore[name-defined]
    )
):
    """A checked configuration: what holds for all, and the entries of each provider."""

    def entries(self) -> Iterator[tuple[Provider[Any], Entry]]:
        """Each entry, with its provider."""
        for provider in PROVIDERS:
            for entry in getattr(self, provider.name):
                yield provider, entry

    def shared(self) -> dict[str, Any]:
        """What holds for all providers."""
        return {name: getattr(self, name) for name in _Shared.model_fields}


def load(path: Path, environ: Mapping[str, str] = os.environ) -> Config:
    """Reads and checks a file.

    Raises:
        ConfigError: With a line for each mistake: file, line, place, what is wrong and how to mend it.
    """
    file = YamlFile(path, environ)
    return file.checked(Config, _cross_checks, known=list(_unknown_sources(file.value)))


def from_environment() -> Config:
    """What the environment offers where there is no file: one entry for each provider that can be reached."""
    found = {provider.name: (entry,) for provider in PROVIDERS if (entry := provider.look()) is not None}
    return Config(**found)


def _cross_checks(config: Config) -> Iterator[Mistake]:
    """Mistakes that no single value shows: nothing to poll, equal names."""
    if not list(config.entries()):
        yield (), f"nothing to poll; there may be {', '.join(provider.name for provider in PROVIDERS)}"
    for provider in PROVIDERS:
        seen: dict[str, int] = {}
        for index, entry in enumerate(getattr(config, provider.name)):
            first = seen.setdefault(entry.label, index)
            if first != index:
                yield (provider.name, index), f"polls the same as {provider.name}[{first}]; give each a `name` of its own"


def _unknown_sources(value: Any) -> Iterator[Mistake]:
    """Sources that no provider has, in the plain values of a file, whatever else is wrong in it."""
    for provider in PROVIDERS:
        known = [source.name for source in provider.sources]
        entries = value.get(provider.name) if isinstance(value, dict) else None
        for index, entry in enumerate(entries if isinstance(entries, list) else ()):
            sources = entry.get("sources") if isinstance(entry, dict) else None
            for name in sources if isinstance(sources, dict) else ():
                if name not in known:
                    place = (provider.name, index, "sources", name)
                    yield place, f"no such source{meant(name, known) or '; there are ' + ', '.join(known)}"
