"""Which sub-command runs, and what all of them share: flags, logging, exit codes."""

import argparse
import sys
from collections.abc import Sequence

from quota_exporter import __version__
from quota_exporter.cli import check_config, demo, once, serve, sources
from quota_exporter.cli.logs import LEVELS, set_up
from quota_exporter.errors import ConfigError

COMMANDS = {"serve": serve, "once": once, "check-config": check_config, "sources": sources, "demo": demo}

EPILOG = """\
exit codes:
  0  done
  1  the configuration or a flag is wrong
  2  `once`: at least one target failed
"""


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="quota-exporter",
        description="How close you are to a limit in your clouds and clusters, for Prometheus.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"quota-exporter {__version__} (Python {sys.version.split()[0]})")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for name, module in COMMANDS.items():
        summary = module.SUMMARY
        command = commands.add_parser(
            name, help=summary, description=summary, formatter_class=argparse.ArgumentDefaultsHelpFormatter
        )
        module.add_flags(command)
        command.add_argument(
            "--log.level", dest="log_level", choices=LEVELS, default="info", help="least important lines that are logged"
        )
        command.add_argument(
            "--log.format", dest="log_format", choices=("text", "json"), default="text", help="form of the log lines"
        )
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a sub-command; `serve` where none is named. Returns the exit code."""
    args = list(sys.argv[1:] if argv is None else argv)
    if not args or (args[0].startswith("-") and args[0] not in ("-h", "--help", "--version")):
        args.insert(0, "serve")
    flags = parser().parse_args(args)
    set_up(flags.log_level, flags.log_format)
    try:
        return int(COMMANDS[flags.command].run(flags))
    except ConfigError as error:
        print(f"quota-exporter: {error}" if "\n" not in str(error) else error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
