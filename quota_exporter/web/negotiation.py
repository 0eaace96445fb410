"""Which format and encoding a client wants, by its Accept headers.

https://www.rfc-editor.org/rfc/rfc9110#section-12
"""

from collections.abc import Iterator
from typing import NamedTuple

from quota_exporter.exposition import CONTENT_TYPES, Format

OPENMETRICS = "application/openmetrics-text"
TEXT = "text/plain"
ESCAPINGS = ("allow-utf-8", "underscores", "dots", "values")
"""How a client wants names that need escaping; ours never do, so any of them is right."""


class Wish(NamedTuple):
    """One element of an Accept header."""

    value: str
    params: dict[str, str]
    q: float


def wishes(header: str) -> Iterator[Wish]:
    """The elements of an Accept or Accept-Encoding header; what cannot be read is passed over."""
    for element in header.split(","):
        value, *rest = [part.strip() for part in element.split(";")]
        params = {key.strip().lower(): text.strip().strip('"') for key, _, text in (part.partition("=") for part in rest)}
        try:
            q = float(params.pop("q", "1"))
        except ValueError:
            continue
        if value and 0 <= q <= 1:
            yield Wish(value.lower(), params, q)


def format_for(accept: str) -> tuple[Format, str]:
    """The format to answer in, and its content type; text unless OpenMetrics is wanted more, or as much by name."""
    best: dict[Format, tuple[int, float, str]] = {"text": (-1, 0.0, ""), "openmetrics": (-1, 0.0, "")}
    for wish in wishes(accept or "*/*"):
        version = wish.params.get("version", "")
        matches: list[tuple[Format, int]] = []
        if wish.value == OPENMETRICS and version in ("", "1.0.0", "0.0.1"):
            matches = [("openmetrics", 2)]
        elif wish.value == TEXT and version in ("", "0.0.4"):
            matches = [("text", 2)]
        elif wish.value == "text/*":
            matches = [("text", 1)]
        elif wish.value == "*/*":
            matches = [("text", 0), ("openmetrics", 0)]
        escaping = wish.params.get("escaping", "")
        for form, exactness in matches:
            # The most exact element decides; of equally exact ones the most wanted.
            best[form] = max(best[form], (exactness, wish.q, escaping if escaping in ESCAPINGS else ""))
    named = best["openmetrics"][0] == 2
    text, openmetrics = best["text"][1], best["openmetrics"][1]
    chosen: Format = "openmetrics" if openmetrics > 0 and (text == 0 or (named and openmetrics >= text)) else "text"
    escaping = best[chosen][2]
    return chosen, CONTENT_TYPES[chosen] + (f"; escaping={escaping}" if escaping else "")


def wants_gzip(accept_encoding: str) -> bool:
    """Whether a gzip body is welcome, and the bare text not more so."""
    wanted = {wish.value: wish.q for wish in wishes(accept_encoding)}
    gzip = wanted.get("gzip", wanted.get("*", 0.0))
    return gzip > 0 and gzip >= wanted.get("identity", 0.0)
