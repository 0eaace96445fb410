"""Answers of servers and networks that fail, to be put in the place of normal ones."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def fixed(status: int, body: bytes, content_type: str, headers: dict[str, str] | None = None) -> Answer:
    """The same answer every time."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=body, content_type=content_type, headers=headers)

    return answer


def denied(resource: str) -> Answer:
    """403, as kube-apiserver says it of a list."""
    message = f'{resource} is forbidden: User "demo" cannot list resource "{resource}" in API group "" at the cluster scope'
    status = {
        "kind": "Status",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "details": {"kind": resource},
        "code": 403,
    }
    return fixed(403, json.dumps(status).encode(), "application/json")


def throttled(retry_after: int | None = 1) -> Answer:
    """429, as kube-apiserver says it: in plain text."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return fixed(429, b"Too many requests, please try again later.\n", "text/plain", headers)


def unavailable() -> Answer:
    """503 of a load balancer."""
    return fixed(503, b"<html><h1>503 Service Unavailable</h1></html>", "text/html")


def html() -> Answer:
    """200 with the login page of a proxy."""
    return fixed(200, b"<!doctype html><title>Sign in</title>", "text/html")


def not_json() -> Answer:
    """Broken JSON."""
    return fixed(200, b'{"kind": "NodeList", "metadata": {}, "items": [{"metadata"', "application/json")


def other_json(body: object) -> Answer:
    """JSON that is not what was asked for."""
    return fixed(200, json.dumps(body).encode(), "application/json")


def binary(content_type: str = "text/plain") -> Answer:
    """Bytes that are no text."""
    return fixed(200, random.Random(1).randbytes(100_000), content_type)  # noqa: S311 - noise, not a secret


async def hangs(request: web.Request) -> web.StreamResponse:
    """Never answers."""
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


async def drips(request: web.Request) -> web.StreamResponse:
    """A byte now and then, for ever."""
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await response.prepare(request)
    while True:
        await response.write(b"#")
        await asyncio.sleep(0.05)


async def endless(request: web.Request) -> web.StreamResponse:
    """More and more, as fast as it is read."""
    json_wanted = "json" in request.headers.get("Accept", "")
    response = web.StreamResponse(headers={"Content-Type": "application/json" if json_wanted else "text/plain"})
    await response.prepare(request)
    while True:
        await response.write(b'# HELP a_metric_without_end "' + b"x" * 65_000 + b"\n")
        if request.transport is None or request.transport.is_closing():
            return response
        await asyncio.sleep(0)


def cut(body: bytes, content_type: str = "text/plain") -> Answer:
    """Announces more than it sends, then closes."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": content_type, "Content-Length": str(len(body) + 1000)})
        await response.prepare(request)
        await response.write(body)
        if request.transport is not None:
            request.transport.close()
        return response

    return answer


def reset(body: bytes, content_type: str = "text/plain") -> Answer:
    """Sends a part, then resets the connection."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": content_type})
        await response.prepare(request)
        await response.write(body)
        if request.transport is not None:
            request.transport.abort()
        return response

    return answer
