"""`quota-exporter sources`: every source, what it exports and needs."""

import argparse

from quota_exporter.providers import PROVIDERS

SUMMARY = "List every source: provider, interval, permissions, what it exports."


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of this command."""
    parser.add_argument("provider", nargs="?", choices=[provider.name for provider in PROVIDERS], help="only this provider's")


def run(flags: argparse.Namespace) -> int:
    """Prints a paragraph per source, the same on a terminal and in a pipe."""
    for provider in PROVIDERS:
        if flags.provider in (None, provider.name):
            for source in provider.sources:
                print(f"{provider.name} {source.name}")
                print(f"    interval     {source.every:g} s{'' if source.enabled else ', off unless enabled'}")
                print(f"    exports      {source.exports}")
                for index, permission in enumerate(source.permissions):
                    print(f"    {'permissions' if index == 0 else '':<12} {permission}")
    return 0
