"""The parts of the README that are made from the code, each between two marks."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import AliasChoices

from quota_exporter.config import Config
from quota_exporter.families import FAMILIES
from quota_exporter.providers import PROVIDERS
from quota_exporter.settings import Entry, Section, SourceSettings

README = Path(__file__).parent.parent / "README.md"


def metrics() -> Iterator[str]:
    """A row per family."""
    yield "| metric | type | meaning |"
    yield "|---|---|---|"
    for family in FAMILIES:
        yield f"| `{family.name}` | {'gauge 1' if family.type == 'info' else family.type} | {family.help} |"


def sources() -> Iterator[str]:
    """A row per source."""
    yield "| provider | source | every | exports | needs |"
    yield "|---|---|---|---|---|"
    for provider in PROVIDERS:
        for source in provider.sources:
            needs = "; ".join(source.permissions)
            every = f"{source.every:g} s{'' if source.enabled else ', off'}"
            yield f"| {provider.name} | `{source.name}` | {every} | {source.exports} | {needs} |"


def settings() -> Iterator[str]:
    """A row per key of the config."""
    yield "| key | meaning |"
    yield "|---|---|"
    providers = {provider.name: provider.settings for provider in PROVIDERS}
    yield from _keys("", Config, known=set(providers))
    for name, model in providers.items():
        yield from _keys(f"{name}[].", model, known=set(Entry.model_fields))
    yield from _keys("(every entry).", Entry, known={"sources"})
    yield from _keys("(every entry).sources.(source).", SourceSettings, known=set())


def _keys(prefix: str, model: type[Section], known: set[str]) -> Iterator[str]:
    """Rows of the keys of a model, each followed by those of the models within it."""
    for name, field in model.model_fields.items():
        if name in known or not field.description:
            continue
        if isinstance(field.validation_alias, AliasChoices):
            name = str(field.validation_alias.choices[0])  # noqa: PLW2901 - what the user writes
        yield f"| `{prefix}{name}` | {field.description} |"
        inner: dict[str, str] = {}
        for within, many in _within(field.annotation):
            for row in _keys(f"{prefix}{name}{many}.", within, known=set()):
                # Of models that stand in the place of each other, several have the same key.
                inner.setdefault(row.split("`")[1], row)
        yield from inner.values()


def _within(annotation: Any, many: str = "") -> Iterator[tuple[type[Section], str]]:
    """The models of a type, each with `[]` where it stands in a list."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation, many
    for part in get_args(annotation):
        yield from _within(part, "[]" if get_origin(annotation) is tuple else many)


PARTS: dict[str, Callable[[], Iterator[str]]] = {"metrics": metrics, "sources": sources, "settings": settings}


def filled(text: str) -> str:
    """A text with every marked part made anew."""
    for name, rows in PARTS.items():
        marked = re.compile(f"(?s)(<!-- {name} -->\n).*?(<!-- /{name} -->)")
        text = marked.sub(lambda match, rows=rows: f"{match[1]}{chr(10).join(rows())}\n{match[2]}", text)  # type: ignore[misc]
    return text
