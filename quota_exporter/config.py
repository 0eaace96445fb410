"""The configuration file: YAML, checked as a whole, every mistake told with its line."""

import difflib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import Field, ValidationError, create_model

from quota_exporter.errors import ConfigError
from quota_exporter.providers import PROVIDERS
from quota_exporter.settings import Duration, Entry, Section
from quota_exporter.source import Provider

MAX_SIZE = 1 << 20
MAX_NODES = 100_000
ENVIRONMENT = re.compile(r"\$\{(\w+)\}")

WORDS = {
    "bool_parsing": "must be true or false",
    "dict_type": "must be keys and values",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "missing": "is missing",
    "model_type": "must be keys and values",
    "path_type": "must be a path",
    "string_type": "must be text; put it in quotes",
    "tuple_type": "must be a list, each item after a `- `",
}
"""What pydantic's kinds of errors mean to somebody who writes YAML."""

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
        mistakes += _cross_checks(config)
    except ValidationError as error:
        # What is unknown elsewhere is pydantic's to say; what could not even be read was said already.
        told = {place for place, _ in mistakes}
        mistakes += [(e["loc"], _words(e, e["loc"] not in reader.expanded)) for e in error.errors() if e["loc"] not in told]
    if mistakes or config is None:
        lines = sorted({(reader.line(place), reader.name(place), words) for place, words in mistakes})
        raise ConfigError("\n".join(f"{path}:{line}: {name}{': ' if name else ''}{words}" for line, name, words in lines))
    return config


def from_environment() -> Config:
    """What the environment offers where there is no file: one entry for each provider that can be reached."""
    found = {provider.name: (entry,) for provider in PROVIDERS if (entry := provider.look()) is not None}
    return Config(**found)


def _cross_checks(config: Config) -> Iterator[tuple[Place, str]]:
    """Mistakes that no single value shows: nothing to poll, equal names, unknown sources."""
    if not list(config.entries()):
        yield (), f"nothing to poll; there may be {', '.join(provider.name for provider in PROVIDERS)}"
    for provider in PROVIDERS:
        known = [source.name for source in provider.sources]
        seen: dict[str, int] = {}
        for index, entry in enumerate(getattr(config, provider.name)):
            for name in entry.sources.keys() - set(known):
                place = (provider.name, index, "sources", name)
                yield place, f"no such source{_meant(name, known) or '; there are ' + ', '.join(known)}"
            first = seen.setdefault(entry.label, index)
            if first != index:
                yield (provider.name, index), f"polls the same as {provider.name}[{first}]; give each a `name` of its own"


def _meant(word: object, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(word), list(known), 1)
    return f"; did you mean `{close[0]}`?" if close else ""


def _known_keys(place: Place) -> list[str]:
    """The keys that may stand at a place."""
    model: type[Section] = Config
    for step in place:
        field = model.model_fields.get(str(step))
        # A step that is no field is an index of a list, or a key of a mapping.
        model = (_model_in(field.annotation) if field else None) or model
    return sorted(model.model_fields)


def _model_in(annotation: Any) -> type[Section] | None:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)


def _words(error: Any, shown: bool) -> str:
    """A finding of pydantic's in a sentence that says what to do; with the value, unless that may be a secret."""
    kind, place = error["type"], tuple(error["loc"])
    if kind == "extra_forbidden":
        known = _known_keys(place[:-1])
        return f"unknown key{_meant(place[-1], known) or '; there are ' + ', '.join(known)}"
    words = WORDS.get(kind) or error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    value = error["input"]
    return words if not shown or isinstance(value, dict | list | tuple) else f"{words} (it is {value!r})"


class _Reader:
    """Turns YAML into plain values, and remembers the line of each."""

    def __init__(self, environ: Mapping[str, str]):
        self._environ = environ
        self._lines: dict[Place, int] = {}
        self._nodes = 0
        self.expanded: set[Place] = set()
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
        if not node.tag.startswith("tag:yaml.org,2002:") or node.tag.count(":") > 2:
            self.mistakes.append((place, f"YAML tags such as {node.tag} are not read"))
            return None
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
        if ENVIRONMENT.search(text):
            self.expanded.add(place)
        for name in ENVIRONMENT.findall(text):
            if name not in self._environ:
                self.mistakes.append((place, f"environment variable {name} is not set"))
        return ENVIRONMENT.sub(lambda match: self._environ.get(match[1], ""), text)
