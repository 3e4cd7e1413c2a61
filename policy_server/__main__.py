"""`python -m policy_server COMMAND`: train, evaluate and serve policies."""

import argparse
import sys
from collections.abc import Sequence

from robotd.core.errors import RobotdError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status; a fault is one line on stderr."""
    from policy_server.command_eval import add_eval
    from policy_server.command_train import add_export_npz, add_train

    parser = argparse.ArgumentParser(prog="python -m policy_server", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (add_train, add_eval, add_export_npz):
        add(commands)
    args = parser.parse_args(arguments)
    try:
        return args.run(args)
    except RobotdError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
