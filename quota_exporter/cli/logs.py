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


def colourful(stream: TextIO) -> bool:
    """Whether a stream is a terminal whose user did not ask for plain text (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


class Text(logging.Formatter):
    """`2026-11-23T10:00:00Z WARNING message`."""

    def __init__(self, colours: bool):
        super().__init__()
        self._colours = colours

    def format(self, record: logging.LogRecord) -> str:
        """One line, and a traceback where there is one."""
        level = record.levelname
        if self._colours:
            level = f"\x1b[{COLOURS.get(level, '0')}m{level}\x1b[0m"
        # A line stays a line, whatever a provider answered.
        message = record.getMessage().replace("\r", r"\r").replace("\n", r"\n").replace("\x1b", r"\e")
        trace = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        return f"{_time(record)} {level} {message}{trace}"


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
    # Both only repeat what the poller and the page tell better.
    for chatty in ("aiohttp.access", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
