"""`quota-exporter check-config`: tells every mistake of a configuration file at once."""

import argparse
from pathlib import Path

from quota_exporter.config import load

SUMMARY = "Check a configuration file; tell every mistake with its line."


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of this command."""
    parser.add_argument("config_file", type=Path, metavar="FILE", help="the file to check")


def run(flags: argparse.Namespace) -> int:
    """Prints what would be polled."""
    config = load(flags.config_file)
    entries = list(config.entries())
    for provider, entry in entries:
        print(f"{provider.name}: {entry.label}")
    print(f"{flags.config_file}: good, {len(entries)} {'entry' if len(entries) == 1 else 'entries'}")
    return 0
