"""`train`: from a configuration and demonstrations to a checkpoint."""

import argparse
import sys
from pathlib import Path
from typing import Any

import msgspec
import torch

from policy_server.training.config import TrainConfig
from policy_server.training.curves import draw_curves
from policy_server.training.loop import train
from policy_server.training.progress import show_progress
from policy_server.training.state import STATE, SavedRun, load_state
from policy_server.training.stop import stop_on_signal
from robotd.core.config_load import load_toml, merge, to_struct
from robotd.core.data_files import given_or_shipped
from robotd.core.errors import ConfigError
from robotd.core.overrides import parse_overrides
from robotd.episodes.demonstrations import load_demonstrations

STOPPED = 130
"""Exit status after Ctrl-C, as shells expect it."""

DEBUG_VALUES: dict[str, Any] = {
    "data": {"validation_episodes": 1},
    "optimiser": {"steps": 20, "batch": 32, "warmup_steps": 5},
    "run": {"log_every": 5, "validate_every": 10, "rollout_every": 0},
}


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--config", help="a file like configs/train/*.toml")
    parser.add_argument("--dataset", type=Path, help="a data set of episodes, .zarr.zip or .npz")
    parser.add_argument(
        "--skip-damaged", action="store_true", help="leave damaged episodes of a data set out"
    )
    parser.add_argument("--out", type=Path, help="folder of the run; default runs/NAME")
    parser.add_argument("--resume", type=Path, metavar="DIR", help="go on with the run in DIR")
    parser.add_argument("--steps", type=int, help="optimiser.steps")
    parser.add_argument("--seed", type=int, help="run.seed")
    parser.add_argument("--device", help="run.device, for example cuda")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="any value of the configuration, written as in TOML: --set optimiser.lr=3e-4",
    )
    parser.add_argument("--debug", action="store_true", help="a run of seconds, to try the way")
    parser.set_defaults(run=run_train)


def run_train(args: argparse.Namespace) -> int:
    """Train, and return the exit status.

    Raises:
        RobotdError: The configuration, the data or the saved run is wrong.
    """
    config, out, saved = _plan_run(args)
    source = load_demonstrations(
        Path(config.data.dataset), config.data.select, on_progress=_show_reading
    )
    rows_n, episodes_n = int(source.lengths.sum()), len(source.lengths)
    sys.stdout.write(f"{config.data.dataset}: {episodes_n} demonstrations, {rows_n} rows\n")
    if config.run.threads:
        torch.set_num_threads(config.run.threads)
    optimiser = config.optimiser
    with (
        show_progress(optimiser.steps, batch=optimiser.batch) as progress,
        stop_on_signal() as should_stop,
    ):
        outcome = train(
            config, source, out, progress=progress, resume=saved, should_stop=should_stop
        )
    draw_curves(out)
    done = f"step {outcome.step} of {optimiser.steps}, {outcome.seconds / 60:.1f} min"
    if not outcome.finished:
        sys.stdout.write(f"stopped at {done}; go on with: train --resume {out}\n")
        return STOPPED
    sys.stdout.write(f"finished: {done}; checkpoints {out / 'best'} and {out / 'last'}\n")
    return 0


def _show_reading(done: int, total: int) -> None:
    """Show, in a terminal, how much of a data set is read."""
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        sys.stderr.write(f"\rreading episode {done} of {total}{end}")
        sys.stderr.flush()


def _plan_run(args: argparse.Namespace) -> tuple[TrainConfig, Path, SavedRun | None]:
    """Return what to train, where, and the state to go on from."""
    if args.resume is not None:
        return _plan_resumed(args)
    config = _read_config(args)
    out = args.out or Path("runs") / config.name
    if (out / STATE).exists():
        raise ConfigError(
            "command line",
            "--out",
            got=f"{out}, which holds a run",
            expected="a new folder",
            hint=f"go on with it by --resume {out}, or remove it",
        )
    return config, out, None


def _plan_resumed(args: argparse.Namespace) -> tuple[TrainConfig, Path, SavedRun]:
    """Take over the run's own configuration; the demonstrations may lie elsewhere by now."""
    if (
        args.config
        or args.out
        or args.set
        or args.steps
        or args.seed is not None
        or args.debug
        or args.skip_damaged
    ):
        raise ConfigError(
            "command line",
            "--resume",
            got="other values for the run",
            expected="the run's own, which its state holds",
            hint="only --dataset may say where the demonstrations are now",
        )
    saved = load_state(args.resume)
    config = saved.state.config
    if args.dataset is not None:
        config = _with(config, {"data": {"dataset": str(args.dataset)}})
    return config, args.resume, saved


def _read_config(args: argparse.Namespace) -> TrainConfig:
    """Read the file, with the values of the command line over it."""
    if args.config is None:
        raise ConfigError(
            "command line", "--config", got="nothing", expected="a file, or --resume DIR"
        )
    overrides = merge(DEBUG_VALUES if args.debug else {}, parse_overrides(args.set, fixed={}))
    flags = {
        "data": {"dataset": None if args.dataset is None else str(args.dataset)}
        | ({"select": {"skip_damaged": True}} if args.skip_damaged else {}),
        "optimiser": {"steps": args.steps},
        "run": {"seed": args.seed, "device": args.device},
    }
    for table, values in flags.items():
        given = {key: value for key, value in values.items() if value is not None}
        overrides = merge(overrides, {table: given}) if given else overrides
    config = load_toml(given_or_shipped(args.config), TrainConfig, overrides)
    if not config.data.dataset:
        raise ConfigError(
            str(args.config), "data.dataset", got="nothing", expected="a path, or --dataset FILE"
        )
    return config


def _with(config: TrainConfig, overrides: dict[str, Any]) -> TrainConfig:
    """Return the configuration with some values replaced."""
    return to_struct(merge(msgspec.to_builtins(config), overrides), TrainConfig, "command line")
