"""`export-npz`: demonstrations for a machine without numcodecs."""

import argparse
import sys
from pathlib import Path

from policy_server.training.replay_zip import save_npz


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("source", type=Path, help=".zarr.zip")
    parser.add_argument("target", type=Path, help=".npz")
    parser.set_defaults(run=run_export_npz)


def run_export_npz(args: argparse.Namespace) -> int:
    """Convert, and return the exit status.

    Raises:
        DatasetError: The source cannot be read, or the target not written.
    """
    save_npz(args.source, args.target)
    sys.stdout.write(f"wrote {args.target}\n")
    return 0
