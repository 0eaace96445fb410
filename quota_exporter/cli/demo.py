"""`quota-exporter demo`: the exporter's real main job against embedded clouds."""

import argparse

SUMMARY = "Run the exporter against embedded clouds, to see what it does."


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of this command."""


def run(flags: argparse.Namespace) -> int:
    return 0
