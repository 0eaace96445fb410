"""`quota-exporter once`: polls everything a single time and prints it."""

import argparse
import asyncio
import io
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import isinf

from quota_exporter.cli.exporter import Exporter, configuration
from quota_exporter.cli.logs import colourful, printable, steerable
from quota_exporter.cli.serve import add_config_flag
from quota_exporter.exposition import identity_body
from quota_exporter.overview import Standing, standings

SUMMARY = "Poll everything one time and print it; exit with 2 if a target failed."

PATIENCE = 2.0
"""Seconds after which a terminal is shown how far the poll is."""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of this command."""
    add_config_flag(parser)
    parser.add_argument(
        "--output", choices=("table", "prometheus"), help="what to print (default: table on a terminal, prometheus elsewhere)"
    )


def run(flags: argparse.Namespace) -> int:
    """Prints the exposition or a table on standard output, failures on standard error."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that does not know a letter costs that letter, not the table.
        sys.stdout.reconfigure(errors="backslashreplace")
    exporter = Exporter(flags.config_file)
    asyncio.run(_poll(exporter))
    for _ in exporter.board.settle():
        pass
    if (flags.output or ("table" if sys.stdout.isatty() else "prometheus")) == "table":
        _print_table(exporter)
    else:
        for text in identity_body(exporter.board.segments("text")):
            # The format is UTF-8, whatever the locale says.
            sys.stdout.buffer.write(text)
    return 2 if any(entry.errors for entry in exporter.board.entries.values()) else 0


async def _poll(exporter: Exporter) -> None:
    await exporter.load(configuration(exporter.path))
    try:
        async with _progress(exporter):
            await exporter.poller.once()
    finally:
        await exporter.plan.close()


@asynccontextmanager
async def _progress(exporter: Exporter) -> AsyncIterator[None]:
    """Shows on a terminal how many jobs are done, when it takes long."""

    async def show() -> None:
        await asyncio.sleep(PATIENCE)
        while True:
            entries = exporter.board.entries.values()
            done = sum(entry.tried is not None for entry in entries)
            # The cursor goes back to the start, so that a log line takes the place of this one.
            print(f"polled {done} of {len(entries)}\r", end="", file=sys.stderr, flush=True)
            await asyncio.sleep(0.2)

    shown = asyncio.create_task(show()) if steerable(sys.stderr) else None
    try:
        yield
    finally:
        if shown is not None:
            shown.cancel()
            await asyncio.gather(shown, return_exceptions=True)
            print("\x1b[K", end="", file=sys.stderr, flush=True)


def _print_table(exporter: Exporter) -> None:
    colours = colourful(sys.stdout)
    found = [standing for account in exporter.board.accounts() for standing in standings(account)]
    found.sort(key=lambda s: (-(s.ratio or 0.0), s.ratio is None, str(s.target), s.quota.quota_code, s.resource))
    ratios = [0.0, *(standing.ratio or 0.0 for standing in found)]
    lines = [("USED", "USAGE", "LIMIT", "CEILING", "UNIT", "QUOTA", "RESOURCE", "TARGET"), *map(_cells, found)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for ratio, line in zip(ratios, lines, strict=True):
        cells = [
            cell.rjust(width) if column < 4 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        text = "  ".join(cells).rstrip()
        print(_coloured(text, ratio) if colours else text)


def _cells(standing: Standing) -> tuple[str, ...]:
    numbers = ("" if value is None else f"{value:,.10g}" for value in (standing.usage, standing.limit, standing.ceiling))
    used = "" if standing.ratio is None else "over" if isinf(standing.ratio) else f"{standing.ratio:.0%}"
    words = (standing.quota.unit, standing.quota.name, standing.resource, str(standing.target))
    return (used, *numbers, *map(printable, words))


def _coloured(text: str, ratio: float) -> str:
    colour = "31" if ratio >= 0.95 else "33" if ratio >= 0.8 else ""
    return f"\x1b[{colour}m{text}\x1b[0m" if colour else text
