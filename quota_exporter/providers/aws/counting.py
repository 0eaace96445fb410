"""Usage by asking for lists and counting what is in them, or by numbers in answers, as rows of the catalogue say."""

import asyncio
import json
from collections.abc import AsyncIterator, Hashable, Mapping
from dataclasses import dataclass, field
from string import Template
from typing import Any, TypeVar

from quota_exporter.errors import ApiError, Malformed
from quota_exporter.model import dimensions
from quota_exporter.providers.aws.answers import Missing
from quota_exporter.providers.aws.api import AwsApi, Json
from quota_exporter.providers.aws.catalog import Counted, Step, Value, compiled
from quota_exporter.source import outcome

Numbers = dict[str, float]
"""By resource; the empty one where the quota is not per resource. Empty where nobody told."""

Question = Counted | Value

Place = TypeVar("Place", bound=Hashable)

Words = Mapping[str, str]
"""What `${…}` stands for."""


@dataclass(slots=True)
class Count:
    """Counts what one row is about, page by page.

    Attributes:
        question: What the row says.
        found: What was counted so far.
    """

    question: Question
    found: Numbers = field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.question, Counted) and self.question.count and not (self.question.per or self.question.each):
            # An empty list is no missing answer: there is nothing.
            self.found[""] = 0.0

    def feed(self, page: Json, words: Words) -> None:
        """Takes an answer, or a page of it."""
        question = self.question
        if isinstance(question, Value) or question.count is None:
            number = _number(search(question.value or "", page, words))
            if number is not None:
                self._add(_resource(question, words), number * question.factor)
            return
        if question.each and not question.per:
            self._add(_resource(question, words), 0.0)
        for item in search(question.count, page, words) or ():
            weight = 1.0 if question.value is None else _number(search(question.value, item, words))
            per = search(question.per, item, words) if question.per else _resource(question, words)
            # What says nothing of itself counts for nothing; what belongs to no resource, for none.
            if weight is not None and per is not None:
                # Route 53 writes its ids like paths.
                self._add(str(per).removeprefix("/hostedzone/"), weight * question.factor)

    def _add(self, resource: str, number: float) -> None:
        self.found[resource] = self.found.get(resource, 0.0) + number


def search(expression: str, document: Any, words: Words) -> Any:
    """What a JMESPath expression finds, with `${…}` replaced."""
    return compiled(Template(expression).safe_substitute(words) if "$" in expression else expression).search(document)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _resource(question: Question, words: Words) -> str:
    """The items of the steps: one bare, several as dimensions."""
    steps = question.each if isinstance(question, Counted) else ()
    items = {step.variable: words[step.variable] for step in steps}
    return next(iter(items.values())) if len(items) == 1 else dimensions(**items)


async def count(api: AwsApi, questions: Mapping[Place, Question]) -> dict[Place, Numbers | ApiError]:
    """The numbers of each question; an error in the place of those whose call failed. Equal calls are made once."""
    groups: dict[str, dict[Place, Count]] = {}
    for place, question in questions.items():
        groups.setdefault(_call(question), {})[place] = Count(question)
    outcomes = await asyncio.gather(*(outcome(_ask(api, [*group.values()])) for group in groups.values()))
    return {
        place: one.found if error is None else error
        for group, error in zip(groups.values(), outcomes, strict=True)
        for place, one in group.items()
    }


def _call(question: Question) -> str:
    """What is asked, as a text that is equal where it is the same."""
    steps = question.each if isinstance(question, Counted) else ()
    return json.dumps([[step.model_dump() for step in steps], question.call, question.params], sort_keys=True)


async def _ask(api: AwsApi, counts: list[Count]) -> None:
    """Makes the call of some rows, for each item of their steps."""
    question = counts[0].question
    words = {"account": api.target.account, "region": api.region}
    if not (steps := question.each if isinstance(question, Counted) else ()):
        await _feed(api, counts, words)
        return
    async for found in _items(api, steps, words):
        try:
            await _feed(api, counts, found)
        except Missing:
            # It was deleted since it was listed.
            continue


async def _feed(api: AwsApi, counts: list[Count], words: Words) -> None:
    question = counts[0].question
    async for page in api.pages(question.call, **_filled(question.params, words)):
        try:
            for one in counts:
                one.feed(page, words)
        except (TypeError, ValueError) as error:
            raise Malformed(f"{type(error).__name__}: {error}", operation=question.call) from None


async def _items(api: AwsApi, steps: tuple[Step, ...], words: Words) -> AsyncIterator[Words]:
    """Each combination of the items of lists, one list inside the other."""
    if not steps:
        yield words
        return
    step = steps[0]
    items: list[Any] = []
    async for page in api.pages(step.call, **_filled(step.params, words)):
        items += search(step.items, page, words) or []
    for item in items:
        try:
            async for found in _items(api, steps[1:], {**words, step.variable: str(item)}):
                yield found
        except Missing:
            continue


def _filled(params: Any, words: Words) -> Any:
    """Parameters with `${…}` replaced."""
    if isinstance(params, dict):
        return {key: _filled(value, words) for key, value in params.items()}
    if isinstance(params, list):
        return [_filled(value, words) for value in params]
    return Template(params).safe_substitute(words) if isinstance(params, str) and "$" in params else params
