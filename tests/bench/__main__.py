"""`python -m tests.bench`: how fast and how big the exporter is, against references on the same machine in the same run.

Only tells: never fails, because the figures of a shared machine are no reason to stop anything. Ratios say more than times.
"""

import argparse
import sys
import time
import traceback
from collections.abc import Callable, Iterator

from tests.bench import apiserver, aws, memory, poll, render, scraping, stalls, start, wall
from tests.bench.table import Row, table, word

QUESTIONS: dict[str, Callable[[bool], Iterator[Row]]] = {
    "scrape": scraping.run,
    "wall": wall.run,
    "render": render.run,
    "memory": memory.run,
    "stalls": stalls.run,
    "start": start.run,
    "filter": apiserver.run,
    "poll": poll.run,
    "aws": aws.run,
}


def main() -> None:
    """Answers all questions, or one."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="without the rows of a million series")
    parser.add_argument("--only", choices=QUESTIONS, help="one question")
    flags = parser.parse_args()
    rows: list[Row] = []
    began = time.monotonic()
    for name in [flags.only] if flags.only else QUESTIONS:
        sys.stderr.write(f"{time.monotonic() - began:4.0f} s  {name} ...\n")
        try:
            rows += QUESTIONS[name](flags.quick)
        except Exception as error:  # noqa: BLE001 - the other questions are still worth an answer
            traceback.print_exc()
            rows.append(Row(name, f"failed: {error}", met=word(met=False)))
    sys.stdout.write(table(rows) + "\n")
    sys.stderr.write(f"{time.monotonic() - began:4.0f} s  done\n")


if __name__ == "__main__":
    main()
