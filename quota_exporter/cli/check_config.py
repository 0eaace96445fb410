"""`quota-exporter check-config`: tells every mistake of a configuration file at once, and what polling it takes."""

import argparse
from pathlib import Path

from quota_exporter.cli.estimate import report
from quota_exporter.config import load

SUMMARY = "Check a configuration file; tell every mistake with its line."


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of this command."""
    parser.add_argument("config_file", type=Path, metavar="FILE", help="the file to check")
    parser.add_argument("--estimate", action="store_true", help="tell how many calls a day it takes, and what they cost")


def run(flags: argparse.Namespace) -> int:
    """Prints what would be polled. Asks nobody."""
    config = load(flags.config_file)
    entries = list(config.entries())
    for line in report(entries) if flags.estimate else (f"{provider.name}: {entry.label}" for provider, entry in entries):
        print(line)
    print(f"{flags.config_file}: good, {len(entries)} {'entry' if len(entries) == 1 else 'entries'}")
    return 0
