"""`export-npz`: demonstrations for a machine without the packages that read episodes or zarr."""

import argparse
import sys
from pathlib import Path

from robotd.episodes.demonstrations import load_demonstrations
from robotd.episodes.replay_zip import save_npz


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("source", type=Path, help="a data set of episodes, or .zarr.zip")
    parser.add_argument("target", type=Path, help=".npz")
    parser.set_defaults(run=run_export_npz)


def run_export_npz(args: argparse.Namespace) -> int:
    """Convert, and return the exit status.

    Raises:
        DatasetError: The source cannot be read, or the target not written.
    """
    save_npz(load_demonstrations(args.source), args.target)
    sys.stdout.write(f"wrote {args.target}\n")
    return 0
