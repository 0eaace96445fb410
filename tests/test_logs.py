"""Log lines: one per event, whatever a provider answered."""

import json
import logging
import sys

import pytest

from quota_exporter.cli.logs import Json, Text, printable

HOSTILE = "one\ntwo\r\nthree\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\x1b[31mred\x9b0m\x00\x07\t\udc80 \u00fc\U0001f980"


def record(message: str, error: Exception | None = None, **fields: str) -> logging.LogRecord:
    """A log record, with a traceback where there is an error."""
    exc_info = None
    if error is not None:
        try:
            raise error
        except type(error):
            exc_info = sys.exc_info()
    made = logging.LogRecord("quota_exporter", logging.WARNING, __file__, 1, "%s", (message,), exc_info)
    vars(made).update(fields)
    return made


@pytest.mark.parametrize("colours", [False, True])
def test_text_is_one_line(colours: bool) -> None:
    """An event is a line, whatever the message holds, and nothing in it steers a terminal."""
    line = Text(colours).format(record(HOSTILE))

    assert len(line.splitlines()) == 1
    assert line.replace("\x1b[33mWARNING\x1b[0m", "WARNING").isprintable()
    assert line.endswith(r"\x1b[31mred\x9b0m\x00\x07\t\udc80 ü🦀")


def test_traceback_is_set_in() -> None:
    """A traceback stands below its event, and no line of it can be taken for another one, whatever the error says."""
    forged = f"{HOSTILE}\n2026-11-23T10:00:00.000Z INFO all is well"

    first, *trace = Text(colours=False).format(record("a bug", ValueError(forged))).splitlines()

    assert first.endswith(" WARNING a bug")
    assert trace[0] == "  Traceback (most recent call last):"
    assert [line for line in trace if not line.startswith("  ") or not line.isprintable()] == []
    assert trace[-1] == "  2026-11-23T10:00:00.000Z INFO all is well"


def test_json_is_one_line() -> None:
    """An event is an object in a line, whatever the message, the fields and the error hold; all comes back as it was."""
    made = record(HOSTILE, ValueError(HOSTILE), source=HOSTILE, account=HOSTILE, secret="not a field")

    line = Json().format(made)

    found = json.loads(line)
    assert len(line.splitlines()) == 1
    assert line.isascii()
    assert found["message"] == found["source"] == found["account"] == HOSTILE
    assert found["exception"].endswith(f"ValueError: {HOSTILE}")
    assert "secret" not in found


@pytest.mark.parametrize("text", ["", "plain", "ünïcödé 🦀", "back\\slash", "'quotes\""])
def test_printable_stays(text: str) -> None:
    """What is no trouble stays as it is."""
    assert printable(text) == text
