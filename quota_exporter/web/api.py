"""The same readings as JSON, for people and scripts: `/api/v1/quotas` and `/api/v1/targets`."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from quota_exporter.account import Entry
from quota_exporter.board import Board
from quota_exporter.overview import Standing, standings
from quota_exporter.poller import Pace, Poller


class Api:
    """Serves what is on a board and in a poller."""

    def __init__(self, board: Board, poller: Poller):
        self._board = board
        self._poller = poller

    async def quotas(self, request: web.Request) -> web.StreamResponse:
        """Every quota: identity, facts, usage, limit, ceiling; selected by provider, account, region and service_code."""
        query = request.query
        accounts = self._board.accounts(query.get("provider", ""), query.get("account", ""))
        region, service_code = query.get("region", ""), query.get("service_code", "")
        found = (
            _standing(standing)
            for account in accounts
            for standing in standings(account)
            if region in ("", standing.target.region) and service_code in ("", standing.quota.service_code)
        )
        return await _stream(request, "quotas", found)

    async def targets(self, request: web.Request) -> web.StreamResponse:
        """Every job: source, target, last and next poll, and what failed."""
        entries = self._board.entries
        found = (_job(entries[job_id], pace) for job_id, pace in list(self._poller.paces.items()) if job_id in entries)
        return await _stream(request, "targets", found)


def _standing(standing: Standing) -> dict[str, Any]:
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


def _job(entry: Entry, pace: Pace) -> dict[str, Any]:
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
        "next_poll": None if pace.task else pace.due,
        "series": entry.series(),
        "errors": [
            {"reason": error.reason, "operation": error.operation, "permission": error.permission, "message": str(error)}
            for error in entry.errors
        ],
    }


async def _stream(request: web.Request, name: str, items: Iterable[dict[str, Any]]) -> web.StreamResponse:
    """`{name: [items]}`, a few hundred items at a time, so that a million neither fill the memory nor hold up a scrape."""
    response = web.StreamResponse(headers={"Content-Type": "application/json; charset=utf-8"})
    await response.prepare(request)
    await response.write(f'{{"{name}": ['.encode())
    pieces: list[str] = []
    separator = "\n"
    for item in items:
        pieces.append(separator + json.dumps(item))
        separator = ",\n"
        if len(pieces) >= 200:
            await response.write("".join(pieces).encode())
            await asyncio.sleep(0)
            pieces = []
    await response.write(("".join(pieces) + "\n]}\n").encode())
    await response.write_eof()
    return response
