"""`GET /metrics`: sends segments that are ready. Nothing is rendered but our own few metrics, and no cloud is called."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from aiohttp import web
from prometheus_client import CollectorRegistry

from quota_exporter.board import Board
from quota_exporter.exposition import CHUNK, EOF, Segment, gzip_body, gzip_length, identity_body, own
from quota_exporter.web.negotiation import format_for, wants_gzip
from quota_exporter.web.selectors import selection

SELECTORS = ("provider", "account", "region")


class MetricsPage:
    """Serves a board, and a registry with what does not grow."""

    def __init__(self, board: Board, registry: CollectorRegistry):
        self._board = board
        self._registry = registry

    async def get(self, request: web.Request) -> web.StreamResponse:
        """The exposition; `?provider=`, `?account=` and `?region=` select, and leave out the exporter's own metrics."""
        selected = selection(request, SELECTORS)
        form, content_type = format_for(request.headers.get("Accept", ""))
        found = self._board.segments(form, **selected)
        segments = await _in_turns(found) if "region" in selected else list(found)
        if not selected:
            segments.append(Segment.of(own(self._registry, form)))
        if form == "openmetrics":
            segments.append(Segment.of(EOF))
        headers = {"Content-Type": content_type, "Vary": "Accept, Accept-Encoding"}
        if wants_gzip(request.headers.get("Accept-Encoding", "")):
            headers |= {"Content-Encoding": "gzip", "Content-Length": str(gzip_length(segments))}
            return await _send(request, headers, gzip_body(segments))
        headers["Content-Length"] = str(sum(segment.length for segment in segments))
        return await _send(request, headers, identity_body(segments))


async def _in_turns(segments: Iterable[Segment]) -> list[Segment]:
    """The segments, with a turn for others now and then: to select a region, each is inflated."""
    found: list[Segment] = []
    size = 0
    for segment in segments:
        found.append(segment)
        size += segment.length
        if size > 1 << 20:
            size = 0
            await asyncio.sleep(0)
    return found


async def _send(request: web.Request, headers: dict[str, str], body: Iterable[bytes]) -> web.StreamResponse:
    """Streams a body; a fast reader gives no back-pressure, so others get their turn now and then."""
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    if request.method != "HEAD":
        # A client that goes away is no error of ours.
        with suppress(ConnectionError):
            await _write(response, body)
    return response


async def _write(response: web.StreamResponse, body: Iterable[bytes]) -> None:
    sent = 0
    for piece in body:
        await response.write(piece)
        sent += len(piece)
        if sent >= CHUNK:
            await asyncio.sleep(0)
            sent = 0
    await response.write_eof()
