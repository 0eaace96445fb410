"""The configuration file: YAML, checked as a whole, every mistake told with its line."""

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError, create_model

from quota_exporter.errors import ConfigError
from quota_exporter.providers import PROVIDERS
from quota_exporter.settings import Duration, Entry, Section
from quota_exporter.source import Provider

MAX_SIZE = 1 << 20
MAX_NODES = 100_000
ENVIRONMENT = re.compile(r"\$\{(\w+)\}")

Place = tuple[str | int, ...]
"""Keys and indexes from the top of the file to a value."""


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
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_SIZE + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    if len(raw) > MAX_SIZE:
        raise ConfigError(f"{path}: larger than {MAX_SIZE >> 20} MiB; is this the right file?")
    reader = _Reader(environ)
    value = reader.read(raw, path)
    mistakes = reader.mistakes
    config: Config | None = None
    try:
        config = Config.model_validate({} if value is None else value)
        mistakes += [(place, message) for place, message in _cross_checks(config)]
    except ValidationError as error:
        mistakes += [(tuple(e["loc"]), _words(e)) for e in error.errors()]
    if mistakes or config is None:
        told = {(reader.line(place), reader.name(place), message) for place, message in mistakes}
        raise ConfigError("\n".join(f"{path}:{line}: {place}{': ' if place else ''}{text}" for line, place, text in sorted(told)))
    return config


def from_environment() -> Config:
    """What the environment offers where there is no file: one entry for each provider that can be reached."""
    found = {provider.name: (entry,) for provider in PROVIDERS if (entry := provider.look()) is not None}
    return Config(**found)


def _cross_checks(config: Config) -> Iterator[tuple[Place, str]]:
    """Mistakes that no single value shows: equal names, unknown sources."""
    seen: dict[tuple[str, str], int] = {}
    counts: dict[str, int] = {}
    for provider, entry in config.entries():
        index = counts.setdefault(provider.name, 0)
        counts[provider.name] += 1
        known = {source.name for source in provider.sources}
        for name in entry.sources.keys() - known:
            yield (
                (provider.name, index, "sources", name),
                f"no such source{_meant(name, known)}; there are {', '.join(sorted(known))}",
            )
        first = seen.setdefault((provider.name, entry.label), index)
        if first != index:
            yield (provider.name, index), f"same as entry {first} ({entry.label!r}); give each a `name` of its own"


def _meant(word: object, known: Any) -> str:
    close = difflib.get_close_matches(str(word), list(known), 1)
    return f"; did you mean `{close[0]}`?" if close else ""


def _fields(place: Place) -> set[str]:
    """The keys that are known where an unknown one was found."""
    model: Any = Config
    for step in place:
        if isinstance(step, str) and model is not None:
            field = model.model_fields.get(step)
            found = re.findall(r"quota_exporter[\w.]*\.\w+", str(field.annotation)) if field else []
            model = next((m for m in _models() if f"{m.__module__}.{m.__qualname__}" in found), model)
    return set(model.model_fields)


def _models() -> Iterator[type[Section]]:
    todo: list[type[Section]] = [Section]
    while todo:
        model = todo.pop()
        yield model
        todo += model.__subclasses__()


def _words(error: Any) -> str:
    """Pydantic's finding in a sentence that says what to do."""
    kind, place = error["type"], tuple(error["loc"])
    if kind == "extra_forbidden":
        known = _fields(place[:-1])
        return f"unknown key{_meant(place[-1], known)}; known keys: {', '.join(sorted(known))}"
    if kind == "missing":
        return "is missing"
    message: str = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if kind == "value_error" or isinstance(error["input"], dict | list | tuple):
        return message
    return f"{message}, not {error['input']!r}"


class _Reader:
    """Turns YAML into plain values, and remembers the line of each."""

    def __init__(self, environ: Mapping[str, str]):
        self._environ = environ
        self._lines: dict[Place, int] = {}
        self._nodes = 0
        self._constructor = yaml.constructor.SafeConstructor()
        self.mistakes: list[tuple[Place, str]] = []

    def read(self, raw: bytes, path: Path) -> Any:
        """The whole file as plain values."""
        try:
            node = yaml.compose(raw, Loader=yaml.SafeLoader)
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            mark = getattr(error, "problem_mark", None)
            problem = getattr(error, "problem", None) or "; is it YAML in UTF-8?"
            raise ConfigError(f"{path}:{mark.line + 1 if mark else 1}: not YAML: {problem}") from None
        except RecursionError:
            raise ConfigError(f"{path}: nested too deeply") from None
        if node is None:
            return None
        if not isinstance(node, yaml.MappingNode):
            raise ConfigError(f"{path}:1: must be keys and values, such as `kubernetes:`")
        return self._value(node, ())

    def line(self, place: Place) -> int:
        """The line of a value, or of what it stands in."""
        while place and place not in self._lines:
            place = place[:-1]
        return self._lines.get(place, 1)

    def name(self, place: Place) -> str:
        """The place in words, such as `kubernetes[0].name`."""
        text = ""
        for step in place:
            if (isinstance(step, int) and place) or not text:
                text += f"[{step}]" if isinstance(step, int) else step
            else:
                text += f".{step}"
        return text

    def _value(self, node: yaml.Node, place: Place) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise ConfigError(f"more than {MAX_NODES} values; aliases within aliases?")
        self._lines.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*place, index)) for index, item in enumerate(node.value)]
        try:
            value = self._constructor.construct_object(node)
        except (yaml.YAMLError, ValueError) as error:
            self.mistakes.append((place, f"cannot be read: {getattr(error, 'problem', None) or error}"))
            return None
        return self._expanded(value, place) if isinstance(value, str) else value

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[Any, Any]:
        seen: dict[Any, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if key.value != "<<" and isinstance(key, yaml.ScalarNode) and seen.setdefault(key.value, line) != line:
                self._lines[*place, key.value] = line
                self.mistakes.append(((*place, key.value), f"stands here again; first in line {seen[key.value]}"))
        self._constructor.flatten_mapping(node)
        found: dict[Any, Any] = {}
        for key, value in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else str(key.start_mark)
            self._lines.setdefault((*place, name), key.start_mark.line + 1)
            found[name] = self._value(value, (*place, name))
        return found

    def _expanded(self, text: str, place: Place) -> str:
        """The text with each `${NAME}` replaced from the environment."""
        for name in ENVIRONMENT.findall(text):
            if name not in self._environ:
                self.mistakes.append((place, f"environment variable {name} is not set"))
        return ENVIRONMENT.sub(lambda match: self._environ.get(match[1], ""), text)
