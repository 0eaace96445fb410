"""A YAML file of the user's: read with the line of each value, checked as a whole, every mistake told."""

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from quota_exporter.errors import ConfigError
from quota_exporter.settings import Section

MAX_SIZE = 1 << 20
MAX_NODES = 100_000
MAX_DEPTH = 50
ENVIRONMENT = re.compile(r"\$\{(\w+)\}")
SURROGATE = re.compile("[\ud800-\udfff]")

YAML_TAG = "tag:yaml.org,2002:"
PLAIN_TAGS = {YAML_TAG + name for name in ("str", "value", "merge")}
VALUE_TAGS = {YAML_TAG + name for name in ("bool", "float", "int", "null", "timestamp")}

WORDS = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
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

Mistake = tuple[Place, str]
"""Where, and in words what and how to mend it."""

Model = TypeVar("Model", bound=Section)


class YamlFile:
    """What is written in a file; knows the line of each value.

    Attributes:
        value: The whole file as plain values; no keys at all where the file is empty.
    """

    def __init__(self, path: Path, environ: Mapping[str, str] | None = None):
        """Reads it.

        Args:
            path: The file.
            environ: Replaces each `${NAME}`; None where the format knows no such thing.

        Raises:
            ConfigError: It cannot be read, or is no YAML. Lesser mistakes are told by `checked`.
        """
        self.path = path
        self._environ = environ
        self._lines: dict[Place, int] = {}
        self._nodes = 0
        self._expanded: set[Place] = set()
        self._loader = yaml.SafeLoader("")
        self._mistakes: list[Mistake] = []
        self.value = self._read()

    def checked(
        self,
        model: type[Model],
        checks: Callable[[Model], Iterable[Mistake]],
        secrets: Collection[str] = (),
        known: Collection[Mistake] = (),
    ) -> Model:
        """The values as a model.

        Args:
            model: What may stand in the file.
            checks: Finds mistakes that no single value shows; asked when each value is right for itself.
            secrets: Keys whose values, and all below, are in no message.
            known: Mistakes that were found in the plain values already.

        Raises:
            ConfigError: With a line for each mistake: file, line, place, what is wrong and how to mend it.
        """
        mistakes = [*self._mistakes, *known]
        found: Model | None = None
        try:
            found = model.model_validate(self.value)
            mistakes += checks(found)
        except ValidationError as error:
            # What is unknown elsewhere is pydantic's to say; what could not even be read was said already.
            told = {place for place, _ in mistakes}
            mistakes += [
                (e["loc"], _words(e, model, shown=e["loc"] not in self._expanded and not set(secrets) & set(e["loc"])))
                for e in error.errors()
                if e["loc"] not in told
            ]
        if mistakes or found is None:
            lines = sorted({(self._line(place), _name(place), words) for place, words in mistakes})
            raise ConfigError(
                "\n".join(f"{self.path}:{line}: {name}{': ' if name else ''}{words}" for line, name, words in lines)
            )
        return found

    def _read(self) -> Any:
        try:
            with self.path.open("rb") as file:
                raw = file.read(MAX_SIZE + 1)
        except OSError as error:
            raise ConfigError(f"{self.path}: cannot be read: {error.strerror}") from None
        if len(raw) > MAX_SIZE:
            raise ConfigError(f"{self.path}: larger than {MAX_SIZE >> 20} MiB; is this the right file?")
        try:
            node = yaml.compose(raw, Loader=yaml.SafeLoader)
            return {} if node is None else self._value(node, ())
        except yaml.MarkedYAMLError as error:
            raise ConfigError(f"{self.path}:{_line_of(error)}: not YAML: {error.problem}") from None
        # A ReaderError, or a number of a character that there is not.
        except (yaml.YAMLError, ValueError, OverflowError):
            raise ConfigError(f"{self.path}:1: not YAML; is it text in UTF-8?") from None
        except RecursionError:
            raise self._too_deep() from None

    def _too_deep(self) -> ConfigError:
        return ConfigError(f"{self.path}: nested too deeply; an alias within itself?")

    def _line(self, place: Place) -> int:
        """The line of a value, or of what it stands in."""
        while place and place not in self._lines:
            place = place[:-1]
        return self._lines.get(place, 1)

    def _count(self) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise ConfigError(f"{self.path}: more than {MAX_NODES} values; aliases within aliases?")

    def _value(self, node: yaml.Node, place: Place) -> Any:
        self._count()
        if len(place) > MAX_DEPTH:
            raise self._too_deep()
        self._lines.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode) and node.tag == YAML_TAG + "map":
            found: dict[str, Any] = {}
            self._merge(node, place, found)
            return found
        if isinstance(node, yaml.SequenceNode) and node.tag == YAML_TAG + "seq":
            return [self._value(item, (*place, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.tag in PLAIN_TAGS:
            return self._text(node.value, place)
        if isinstance(node, yaml.ScalarNode) and node.tag in VALUE_TAGS:
            return self._scalar(node, place)
        self._mistakes.append((place, f"YAML tags such as {node.tag} are not read"))
        return None

    def _merge(self, node: yaml.MappingNode, place: Place, found: dict[str, Any]) -> None:
        """Puts in what is not there yet; `<<` after all others, since what is written out goes first."""
        self._count()
        merged = []
        own: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode) or not key.tag.startswith(YAML_TAG) or SURROGATE.search(key.value):
                self._lines.setdefault((*place, "?"), line)
                self._mistakes.append(((*place, "?"), "a key must be plain text"))
            elif key.value in own:
                self._lines[*place, key.value] = line
                self._mistakes.append(((*place, key.value), f"stands here again; first in line {own[key.value]}"))
            else:
                own[key.value] = line
                if key.tag == YAML_TAG + "merge":
                    merged.append(value)
                elif key.value not in found:
                    self._lines.setdefault((*place, key.value), line)
                    found[key.value] = self._value(value, (*place, key.value))
        for value in merged:
            for mapping in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                if isinstance(mapping, yaml.MappingNode):
                    self._merge(mapping, place, found)
                else:
                    self._lines.setdefault((*place, "<<"), value.start_mark.line + 1)
                    self._mistakes.append(
                        ((*place, "<<"), "must be an alias of keys and values, such as `*name`, or a list of such")
                    )

    def _scalar(self, node: yaml.ScalarNode, place: Place) -> Any:
        # A tag that is written out, as in `!!int x`, may not fit, and PyYAML then fails in any way.
        if self._loader.resolve(yaml.ScalarNode, node.value, (True, False)) != node.tag:
            self._mistakes.append((place, f"does not fit its tag !!{node.tag.removeprefix(YAML_TAG)}"))
            return None
        try:
            return self._loader.construct_object(node)
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            self._mistakes.append((place, f"cannot be read: {getattr(error, 'problem', None) or error}"))
            return None

    def _text(self, text: str, place: Place) -> str:
        """The text with each `${NAME}` replaced from the environment."""
        if SURROGATE.search(text):
            self._mistakes.append((place, "has half a character: \\ud800 to \\udfff are none by themselves"))
            return ""
        if self._environ is None:
            return text
        environ = self._environ
        if ENVIRONMENT.search(text):
            self._expanded.add(place)
        for name in ENVIRONMENT.findall(text):
            if name not in environ:
                self._mistakes.append((place, f"environment variable {name} is not set"))
        return ENVIRONMENT.sub(lambda match: environ.get(match[1], ""), text)


def meant(word: object, known: Iterable[str]) -> str:
    """A question after a known word that is written much like this one; empty if there is none."""
    close = difflib.get_close_matches(str(word), list(known), 1)
    return f"; did you mean `{close[0]}`?" if close else ""


def _line_of(error: yaml.MarkedYAMLError) -> int:
    return error.problem_mark.line + 1 if error.problem_mark else 1


def _name(place: Place) -> str:
    """The place in words, such as `kubernetes[0].name`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).removeprefix(".")


def _words(error: Any, model: type[Section], *, shown: bool) -> str:
    """A finding of pydantic's in a sentence that says what to do; with the value, unless that may be a secret."""
    kind, place = error["type"], tuple(error["loc"])
    if kind == "extra_forbidden":
        known = _known_keys(model, place[:-1])
        return f"unknown key{meant(place[-1], known) or '; there are ' + ', '.join(known)}"
    if kind == "model_type" and not place:
        return f"must be keys and values, such as `{next(reversed(model.model_fields))}:`"
    words = WORDS.get(kind) or error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    value = error["input"]
    return words if not shown or isinstance(value, dict | list | tuple) else f"{words} (it is {value!r})"


def _known_keys(model: type[Section], place: Place) -> list[str]:
    """The keys that may stand at a place."""
    for step in place:
        field = dict(_fields(model)).get(str(step))
        # A step that is no field is an index of a list, or a key of a mapping.
        model = (_model_in(field.annotation) if field else None) or model
    return sorted(name for name, _ in _fields(model))


def _fields(model: type[Section]) -> Iterator[tuple[str, FieldInfo]]:
    """The fields by the names that stand in files."""
    return ((field.alias or name, field) for name, field in model.model_fields.items())


def _model_in(annotation: Any) -> type[Section] | None:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)
