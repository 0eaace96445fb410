"""The same readings as JSON, for people and scripts: `/api/v1/quotas` and `/api/v1/targets`."""

import asyncio
import json
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from aiohttp import web

from quota_exporter.account import Entry
from quota_exporter.board import Board
from quota_exporter.overview import Standing, standings
from quota_exporter.poller import Pace, Poller
from quota_exporter.web.metrics import SELECTORS
from quota_exporter.web.selectors import selection

Item = dict[str, Any]
"""One object of the answer."""


class Api:
    """Serves what is on a board and in a poller."""

    def __init__(self, board: Board, poller: Poller):
        self._board = board
        self._poller = poller

    async def quotas(self, request: web.Request) -> web.StreamResponse:
        """Every quota: identity, facts, usage, limit, ceiling; selected by provider, account, region and service_code."""
        wanted = selection(request, (*SELECTORS, "service_code"))
        accounts = self._board.accounts(wanted.get("provider", ""), wanted.get("account", ""))
        found = (_standing(standing) for account in accounts for standing in standings(account))
        return await _stream(request, "quotas", found, wanted)

    async def targets(self, request: web.Request) -> web.StreamResponse:
        """Every job: source, target, last and next poll, and what failed; selected by provider, account, region and source."""
        wanted = selection(request, (*SELECTORS, "source"))
        entries = self._board.entries
        paces = [(job_id, pace) for job_id, pace in self._poller.paces.items() if job_id in entries]
        ahead = time.time() - self._poller.clock()
        found = (_job(entries[job_id], pace, ahead) for job_id, pace in paces if job_id in entries)
        return await _stream(request, "targets", found, wanted)


def _standing(standing: Standing) -> Item:
    target, quota, resource, usage, limit, ceiling = standing
    numbers = {"usage": usage, "limit": limit, "ceiling": ceiling}
    return {
        "provider": target.provider,
        "account": target.account,
        "account_name": target.account_name,
        "region": target.region,
        "service_code": quota.service_code,
        "quota_code": quota.quota_code,
        "resource": resource,
        "quota_name": quota.name,
        "unit": quota.unit,
        "kind": quota.kind,
        "adjustable": quota.adjustable,
        **{name: value for name, value in numbers.items() if value is not None},
    }


def _job(entry: Entry, pace: Pace, ahead: float) -> Item:
    """All of a job; `ahead` is what the time of day is ahead of the poller's clock."""
    target = entry.job.target
    return {
        "source": entry.job.source,
        "provider": target.provider,
        "account": target.account,
        "account_name": target.account_name,
        "region": target.region,
        "interval_seconds": pace.job.every,
        "last_poll": entry.tried,
        "last_success": entry.succeeded,
        "next_poll": None if pace.task else pace.due + ahead,
        "series": entry.series(),
        "errors": [
            {"reason": error.reason, "operation": error.operation, "permission": error.permission, "message": str(error)}
            for error in entry.errors
        ],
    }


async def _stream(request: web.Request, name: str, items: Iterable[Item], wanted: Mapping[str, str]) -> web.StreamResponse:
    """`{name: [items as wanted]}`."""
    response = web.StreamResponse(headers={"Content-Type": "application/json; charset=utf-8"})
    await response.prepare(request)
    if request.method != "HEAD":
        # A client that goes away is no error of ours.
        with suppress(ConnectionError):
            await _write(response, name, items, wanted)
    return response


async def _write(response: web.StreamResponse, name: str, items: Iterable[Item], wanted: Mapping[str, str]) -> None:
    """A few hundred items at a time, so that a million neither fill the memory nor hold up a scrape."""
    await response.write(f'{{"{name}": ['.encode())
    pieces: list[str] = []
    separator = "\n"
    for number, item in enumerate(items, 1):
        if all(item[key] == value for key, value in wanted.items()):
            pieces.append(separator + json.dumps(item))
            separator = ",\n"
        if number % 200 == 0:
            if pieces:
                await response.write("".join(pieces).encode())
            await asyncio.sleep(0)
            pieces = []
    await response.write(("".join(pieces) + "\n]}\n").encode())
    await response.write_eof()
