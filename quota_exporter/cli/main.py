"""Which sub-command runs, and what all of them share: flags, logging, exit codes."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from quota_exporter import __version__
from quota_exporter.cli import check_config, demo, once, policy, serve, sources
from quota_exporter.cli.logs import LEVELS, set_up
from quota_exporter.errors import ConfigError

COMMANDS = {
    "serve": serve,
    "once": once,
    "check-config": check_config,
    "sources": sources,
    "policy": policy,
    "demo": demo,
}

EPILOG = """\
exit codes:
  0  done
  1  the configuration or a flag is wrong
  2  `once`: at least one target failed
"""


class _Parser(argparse.ArgumentParser):
    """Ends with 1 where a flag is wrong: argparse's 2 would say that a target failed."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(1, f"{self.prog}: error: {message}\n")


class _Defaults(argparse.ArgumentDefaultsHelpFormatter):
    """Shows defaults, but none where there is none or the help already says it."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default is None else super()._get_help_string(action)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = _Parser(
        prog="quota-exporter",
        description="How close you are to a limit in your clouds and clusters, for Prometheus.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"quota-exporter {__version__} (Python {sys.version.split()[0]})")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for name, module in COMMANDS.items():
        summary = module.SUMMARY
        command = commands.add_parser(name, help=summary, description=summary, formatter_class=_Defaults)
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
        code = int(COMMANDS[flags.command].run(flags))
        sys.stdout.flush()
        return code
    except ConfigError as error:
        print(f"quota-exporter: {error}" if "\n" not in str(error) else error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read has enough, as `head` does. Python would complain once more when it closes standard output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
