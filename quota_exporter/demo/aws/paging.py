"""Answers are cut into pages as botocore's paginators say, whether moto can do that or not."""

import threading
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import UnknownServiceError
from moto.core.utils import get_pagination_model

from quota_exporter.demo.aws.calls import Asked, Json
from quota_exporter.demo.aws.wire import Failure

UNNAMED = {("service-quotas", "GetQuotaUtilizationReport"): ("NextToken", "NextToken", "MaxResults", "Quotas")}
"""Operations that have pages but no paginator: token in the request, in the answer, size, lists."""

OWN = {("cloudwatch", "GetMetricData"), ("cloudwatch", "ListMetrics")}
"""Operations that cut their answers themselves."""

REMEMBERED = 200
"""Answers that are kept for their further pages; the oldest are forgotten."""


@dataclass(frozen=True)
class Paginator:
    """How an operation has pages.

    Attributes:
        token: The parameter that asks for a further page.
        next_token: The member of the answer that says there is one.
        limit: The parameter for the size of a page; empty where there is none.
        lists: The members of the answer that are cut.
        truncated: The member that says whether there is more; empty where only the token does.
    """

    token: str
    next_token: str
    limit: str
    lists: tuple[str, ...]
    truncated: str = ""


def paginator(asked: Asked) -> Paginator | None:
    """How the operation has pages; None where it has none, or tokens of several parts."""
    key = (asked.call.service, asked.call.operation)
    if key in OWN or asked.model is None:
        return None
    if key in UNNAMED:
        token, next_token, limit, name = UNNAMED[key]
        return Paginator(token, next_token, limit, (name,))
    try:
        found = get_pagination_model(asked.call.service).get(asked.call.operation)
    except UnknownServiceError:
        return None
    if found is None or not isinstance(found["input_token"], str) or not str(found["output_token"]).isidentifier():
        return None
    lists = found["result_key"] if isinstance(found["result_key"], list) else [found["result_key"]]
    return Paginator(
        found["input_token"], found["output_token"], found.get("limit_key", ""), tuple(lists), found.get("more_results", "")
    )


class Pages:
    """What is left of answers that were cut.

    Attributes:
        size: The most items on a page, whatever is asked for; None: as asked, and at most what the operation's model allows.
        endless: Operations that repeat their first page and its token for ever, as some of the real ones did.
    """

    def __init__(self) -> None:
        self.size: int | None = None
        self.endless: set[str] = set()
        self._rest: OrderedDict[str, tuple[Json, list[tuple[str, Any]]]] = OrderedDict()
        self._lock = threading.Lock()

    def further(self, asked: Asked, pages: Paginator) -> Json | None:
        """The page that a token asks for; None where the first one is asked for. Failure for a token that we did not give."""
        token = asked.params.get(pages.token)
        if token is None:
            return None
        number, _, offset = str(token).rpartition("x")
        with self._lock:
            known = self._rest.get(number)
        if known is None:
            raise Failure(_bad_token(asked), f"The token {token!r} is not valid.")
        return self._page(asked, pages, number, int(offset), known)

    def first(self, asked: Asked, pages: Paginator, result: Json) -> Json:
        """The first page of a whole answer."""
        items = [(name, item) for name in pages.lists for item in _member(result, name)]
        number = uuid.uuid4().hex
        page = self._page(asked, pages, number, 0, (result, items))
        if pages.next_token in page:
            with self._lock:
                self._rest[number] = result, items
                while len(self._rest) > REMEMBERED:
                    self._rest.popitem(last=False)
        return page

    def _page(self, asked: Asked, pages: Paginator, number: str, offset: int, known: tuple[Json, list[tuple[str, Any]]]) -> Json:
        result, items = known
        end = offset + self._size_for(asked, pages, len(items))
        if endless := asked.call.operation in self.endless:
            offset, end = 0, end - offset
        page = dict(result)
        for name in pages.lists:
            if _member(result, name):
                page = _with(page, name, [item for owner, item in items[offset:end] if owner == name])
        page.pop(pages.next_token, None)
        more = end < len(items) or endless
        if more:
            page[pages.next_token] = f"{number}x{0 if endless else end}"
        if pages.truncated:
            page[pages.truncated] = more
        return page

    def _size_for(self, asked: Asked, pages: Paginator, whole: int) -> int:
        """How many items are on the page. Failure where more are asked for than the operation's model allows."""
        wanted = asked.params.get(pages.limit)
        takes = asked.model.input_shape if asked.model is not None else None
        shape = takes.members.get(pages.limit) if takes is not None else None
        most = shape.metadata.get("max") if shape is not None else None
        if wanted is not None and most is not None and int(wanted) > most:
            code = "InvalidParameterValue" if asked.protocol in ("ec2", "query") else "ValidationException"
            raise Failure(code, f"{pages.limit} {wanted} is more than {most}.")
        if wanted is None:
            # EC2 puts everything on one page unless it is asked for pages; others have as many items on one as they may.
            wanted = whole if most is None or asked.protocol == "ec2" else most
        return max(1, min(int(wanted), whole if self.size is None else self.size))


def _bad_token(asked: Asked) -> str:
    names = [str(shape.name) for shape in asked.model.error_shapes] if asked.model is not None else []
    fitting = [name for name in names if "Token" in name]
    generic = "InvalidNextToken" if asked.protocol in ("ec2", "query") else "ValidationException"
    return fitting[0] if fitting else generic


def _member(result: Json, path: str) -> list[Any]:
    value: Any = result
    for name in path.split("."):
        value = (value or {}).get(name)
    return value if isinstance(value, list) else []


def _with(result: Json, path: str, items: list[Any]) -> Json:
    """The result with another list at a path."""
    name, _, rest = path.partition(".")
    return result | {name: _with(result[name], rest, items) if rest else items}
