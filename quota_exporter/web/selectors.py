"""Selectors in a query, such as `?provider=aws&region=eu-west-1`: one that is misspelt is told, never passed over."""

from aiohttp import web


def selection(request: web.Request, known: tuple[str, ...]) -> dict[str, str]:
    """What a request selects, by selector; one without a value selects nothing.

    Raises:
        HTTPBadRequest: A selector is not known, or stands there more than once.
    """
    unknown = request.query.keys() - set(known)
    if unknown:
        raise web.HTTPBadRequest(text=f"no such selector: {', '.join(sorted(unknown))}; there are {', '.join(known)}\n")
    twice = [name for name in known if len(request.query.getall(name, [])) > 1]
    if twice:
        raise web.HTTPBadRequest(text=f"given more than once: {', '.join(twice)}; ask for one after the other\n")
    return {name: value for name, value in request.query.items() if value}
