"""Log lines: text for people (with colours on a terminal only), JSON for machines."""

import json
import logging
import os
import sys
import time
from typing import TextIO

LEVELS = ("debug", "info", "warning", "error")
COLOURS = {"DEBUG": "2", "INFO": "32", "WARNING": "33", "ERROR": "31", "CRITICAL": "31"}
FIELDS = ("source", "provider", "account", "region", "reason", "operation", "permission")


def steerable(stream: TextIO) -> bool:
    """Whether a stream is a terminal that knows more than plain text."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def colourful(stream: TextIO) -> bool:
    """Whether a stream is such a terminal, and its user did not ask for no colours (https://no-color.org)."""
    return steerable(stream) and not os.environ.get("NO_COLOR")


def printable(text: str) -> str:
    """The text in one line, with nothing that steers a terminal, whatever a provider answered."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


class Text(logging.Formatter):
    """`2026-11-23T10:00:00Z WARNING message`."""

    def __init__(self, colours: bool):
        super().__init__()
        self._colours = colours

    def format(self, record: logging.LogRecord) -> str:
        """One line, and a traceback where there is one, set in so that none of its lines can be taken for another event."""
        level = record.levelname
        if self._colours:
            level = f"\x1b[{COLOURS.get(level, '0')}m{level}\x1b[0m"
        trace = self.formatException(record.exc_info).split("\n") if record.exc_info else ()
        return f"{_time(record)} {level} {printable(record.getMessage())}" + "".join(f"\n  {printable(line)}" for line in trace)


class Json(logging.Formatter):
    """An object per line, with source, target and reason as fields of their own."""

    def format(self, record: logging.LogRecord) -> str:
        """One object."""
        fields = {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        line = {"time": _time(record), "level": record.levelname.lower(), "message": record.getMessage(), **fields}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def _time(record: logging.LogRecord) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"


def set_up(level: str, form: str) -> None:
    """Sends all log lines to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Json() if form == "json" else Text(colourful(sys.stderr)))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # They only repeat what the poller and the page tell better; and botocore would log what it signs.
    for chatty in ("aiohttp.access", "asyncio", "boto3", "botocore", "moto", "urllib3", "werkzeug"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
