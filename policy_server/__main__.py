"""`python -m policy_server COMMAND`: train, evaluate and serve policies."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from robotd.core.errors import RobotdError, one_line

COMMANDS = {
    "train": "Train a policy on demonstrations.",
    "eval": "Score a policy on the simulated Push-T board, in lockstep.",
    "serve": "Answer robots with the actions of a policy, over ZeroMQ.",
    "export-npz": "Write demonstrations as an npz that is read without numcodecs.",
}
"""Each has a module `command_NAME` whose `declare` adds its arguments and sets `run`.

Only the module of the command given is imported, so that none pays for another's libraries.
"""

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells expect it."""


USAGE = 2
"""Exit status after words that no command knows."""


class _Parser(argparse.ArgumentParser):
    """Says in one line what it does not understand; its subcommands are of its kind."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"robotd: {one_line(message)}; see {self.prog} --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status; a fault is one line on stderr."""
    given = sys.argv[1:] if arguments is None else arguments
    parser = _Parser(prog="python -m policy_server", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if given and given[0] == name:
            module = import_module(f"policy_server.command_{name.replace('-', '_')}")
            module.declare(command)
    args = parser.parse_args(given)
    try:
        return args.run(args)
    except (RobotdError, OSError) as error:  # OSError: a full disk, a folder without rights
        sys.stderr.write(f"robotd: {one_line(str(error))}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
