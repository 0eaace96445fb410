"""The front: every request passes it. It records, applies faults, answers, pages, or hands on to moto."""

import gzip
import io
import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import (
    HeadersDict,
    create_request_object,
    prepare_request_dict,
)
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from flask import Flask
from moto.core.request import Request
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.test import EnvironBuilder, run_wsgi_app
from werkzeug.wrappers import Response

from quota_exporter.demo.aws.calls import Asked, Call, Json, identify
from quota_exporter.demo.aws.corrections import Correction
from quota_exporter.demo.aws.faults import Rule
from quota_exporter.demo.aws.paging import Pages, Paginator, paginator
from quota_exporter.demo.aws.wire import Failure, plain, read_params, refused, written

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Operation = Callable[[Asked], Json | None]
"""Answers a call as boto3 gives it back, all pages at once; None leaves it to moto. Raises Failure."""

SEED = "X-Demo-Seed"
"""Header of calls that seed: they are neither recorded nor befallen by faults."""


MOST_CALLS = 100_000
"""Calls that are remembered, the last ones."""


class Front:
    """The WSGI application in front of moto.

    Attributes:
        calls: Every call, in the order in which they came; the last `MOST_CALLS`.
        faults: Rules; where several fit, the first one is outermost.
        pages: How answers are cut.
        operations: What is answered here, by client and operation.
        corrections: What is changed in moto's answers, by client and operation.
        added: Further rows of lists, by account, Region, client and operation: the list's name and its rows.
        checks: Run before a call is answered; they raise Failure.
        unanswered: Calls that neither moto nor we can answer: a gap to be filled.
        stopped: Set when the server stops.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.faults: list[Rule] = []
        self.pages = Pages()
        self.operations: dict[tuple[str, str], Operation] = {}
        self.corrections: dict[tuple[str, str], Correction] = {}
        self.added: dict[tuple[str, str, str, str], tuple[str, list[Json]]] = {}
        self.checks: list[Callable[[Asked], None]] = []
        self.unanswered: list[Call] = []
        self.stopped = threading.Event()
        self._moto = DomainDispatcherApplication(_backend)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answers one request."""
        request = _whole(environ)
        if request.path.startswith("/moto-api"):
            return self._hand_on(request)(environ, start_response)
        asked = identify(request)
        answer: Callable[[], Response] = partial(self._answer, asked)
        if SEED not in request.headers:
            self.calls.append(asked.call)
            # A demo that runs for weeks must not grow.
            del self.calls[:-MOST_CALLS]
            for rule in reversed([rule for rule in self.faults if rule.befalls(asked.call)]):
                answer = partial(rule.answer, asked, answer, self.stopped)
        return answer()(environ, start_response)

    def _answer(self, asked: Asked) -> Response:
        try:
            asked = Asked(asked.call, asked.protocol, asked.model, asked.request, asked.path_params, read_params(asked))
            if SEED not in asked.request.headers:
                for check in self.checks:
                    check(asked)
            return self._answered(asked)
        except Failure as failure:
            return refused(asked, failure)

    def _answered(self, asked: Asked) -> Response:
        key = (asked.call.service, asked.call.operation)
        pages = paginator(asked)
        if pages is not None and (page := self.pages.further(asked, pages)) is not None:
            return written(asked, page)
        result = self.operations[key](asked) if key in self.operations else None
        if result is None:
            found = self._of_moto(asked, pages)
            if isinstance(found, Response):
                return found
            result = self._corrected(asked, found)
        return written(asked, result if pages is None else self.pages.first(asked, pages, result))

    def _of_moto(self, asked: Asked, pages: Paginator | None) -> Json | Response:
        """The answer of moto: as it is where nothing is to be done with it."""
        key = (asked.call.service, asked.call.operation)
        touched = pages is not None or key in self.corrections or _place(asked) in self.added
        # CloudWatch's newer protocols are not moto's.
        if asked.model is None or not (touched or asked.call.service == "cloudwatch"):
            return self._checked(asked, self._hand_on(asked.request))
        return self._ask(asked, pages)

    def _corrected(self, asked: Asked, result: Json) -> Json:
        key = (asked.call.service, asked.call.operation)
        if key in self.corrections:
            result = self.corrections[key](asked, result)
        if _place(asked) in self.added:
            name, rows = self.added[_place(asked)]
            result = result | {name: [*(result.get(name) or []), *rows]}
        return result

    def _ask(self, asked: Asked, pages: Paginator | None) -> Json | Response:
        """The whole answer of moto, all its pages joined; or its error as it is."""
        params = dict(asked.params)
        if pages is not None:
            params.pop(pages.limit, None)
        whole: Json | None = None
        while True:
            response = self._checked(asked, self._hand_on(_request_for(asked, params)))
            if response.status_code >= 300:
                return self._error(asked, response)
            page = _parsed(asked, response)
            whole = page if whole is None or pages is None else _joined(whole, page, pages)
            if pages is None or not page.get(pages.next_token):
                return whole
            params[pages.token] = page[pages.next_token]

    def _error(self, asked: Asked, response: Response) -> Response:
        """An error of moto, said again in the protocol of the call where that is not the one that moto was asked in."""
        if asked.call.service != "cloudwatch":
            return response
        error = _parsed(asked, response).get("Error", {})
        return refused(asked, Failure(error.get("Code", "InternalFailure"), error.get("Message", ""), response.status_code))

    def _hand_on(self, request: Request) -> Response:
        body, status, headers = run_wsgi_app(self._moto, request.environ, buffered=True)
        return Response(body, status, headers)

    def _checked(self, asked: Asked, response: Response) -> Response:
        """The response of moto, unless it says in HTML that there is no such operation."""
        if response.status_code in (404, 405, 500, 501) and response.get_data()[:15].lower().startswith(
            (b"<!doctype html", b"<html")
        ):
            self.unanswered.append(asked.call)
            code = "InvalidAction" if asked.protocol in ("ec2", "query") else "UnknownOperationException"
            raise Failure(code, f"The demo cannot answer {asked.call.action}.", 400)
        return response


def _place(asked: Asked) -> tuple[str, str, str, str]:
    return asked.call.account, asked.call.region, asked.call.service, asked.call.operation


def _backend(service: Any) -> Flask:
    """Moto's application of a service, which answers where it fails instead of failing in our hands."""
    app = create_backend_app(service)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    return app


def _whole(environ: "WSGIEnvironment") -> Request:
    """The request with its body read and inflated, so that it can be read again."""
    body = Request(environ).get_data()
    environ = dict(environ)
    environ["demo.raw_body"] = body
    if environ.get("HTTP_CONTENT_ENCODING") == "gzip":
        del environ["HTTP_CONTENT_ENCODING"]
        body = gzip.decompress(body)
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)), "wsgi.input_terminated": True}
    request = Request(environ)
    # Forms are made of the stream; they are read now, and the stream is put back for moto.
    request.get_data(cache=True)
    _ = request.form
    environ["wsgi.input"] = io.BytesIO(body)
    return request


def _request_for(asked: Asked, params: Json) -> Request:
    """The call with other parameters, in the protocol that moto knows."""
    protocol = "query" if asked.call.service == "cloudwatch" else asked.protocol
    made = create_serializer(protocol, include_validation=False).serialize_to_request(params, asked.model)
    prepare_request_dict(made, asked.request.host_url)
    prepared = create_request_object(made).prepare()
    headers = {
        name: value for name, value in asked.request.headers.items() if name not in ("Content-Length", "Content-Type", "Accept")
    }
    headers |= {name: _text(value) for name, value in prepared.headers.items() if name != "Content-Length"}
    headers.pop("Smithy-Protocol", None)
    path, _, query = prepared.url.removeprefix(asked.request.host_url.rstrip("/")).partition("?")
    body = prepared.body if isinstance(prepared.body, bytes) else (prepared.body or "").encode()
    environ = EnvironBuilder(
        path, asked.request.host_url, query_string=query, method=prepared.method, headers=list(headers.items()), data=body
    ).get_environ()
    return Request(environ)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _parsed(asked: Asked, response: Response) -> Json:
    protocol = "query" if asked.call.service == "cloudwatch" else asked.protocol
    headers = HeadersDict(dict(response.headers))
    shape = asked.model.output_shape if asked.model is not None else None
    found = create_parser(protocol).parse(
        {"status_code": response.status_code, "headers": headers, "body": response.get_data()}, shape
    )
    result: Json = plain(found)
    return result


def _joined(whole: Json, page: Json, pages: Paginator) -> Json:
    return whole | {name: [*(whole.get(name) or []), *(page.get(name) or [])] for name in pages.lists if "." not in name}
