"""`python -m crossbar COMMAND`: which commands there are, and how they end."""

import argparse
import sys
from collections.abc import Sequence

from crossbar.command_line.commands import COMMANDS
from crossbar.sweeps import SweepError

_DESCRIPTION = "Neural networks on emulated ReRAM crossbars."
_EPILOG = """Every command has its own help with examples: python -m crossbar COMMAND --help
exit codes: 0 done; 1 failed on what it was given; 2 arguments not understood"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0 done, 1 failed on what it was given, 2 not understood."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except (ArithmeticError, ImportError, OSError, RuntimeError, SweepError, TypeError, ValueError) as error:
        if options.traceback:
            raise
        sys.stderr.write(f"error: {error}\n")
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; a sweep goes on where it stopped when the same line is run again\n")
    return 1


def _parser() -> argparse.ArgumentParser:
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m crossbar", description=_DESCRIPTION, epilog=_EPILOG, formatter_class=layout
    )
    parser.add_argument("--traceback", action="store_true", help="show where in the program an error arose")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for name, command in COMMANDS.items():
        described = f"{command.HELP[0].upper()}{command.HELP[1:]}."
        sub = commands.add_parser(
            name, help=command.HELP, description=described, epilog=command.EXAMPLES, formatter_class=layout
        )
        command.add_arguments(sub)
        sub.set_defaults(run=command.run)
    return parser
