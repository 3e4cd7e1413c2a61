"""`eval`: the score of a checkpoint over fixed seeds."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from policy_server.evaluate import EvalPlan, EvalReport, evaluate
from policy_server.rollout import require_board
from robotd.core.data_files import given_or_shipped
from robotd.core.errors import ConfigError, EnvelopeError
from robotd.core.json_file import check_json, write_json

if TYPE_CHECKING:
    from policy_server.through_cell import CellReport

DEFAULT_EPISODES = 500
DEFAULT_FIRST_SEED = 200_000


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--policy", required=True, help="checkpoint folder")
    parser.add_argument("--episodes", type=int, default=DEFAULT_EPISODES)
    parser.add_argument("--first-seed", type=int, default=DEFAULT_FIRST_SEED)
    parser.add_argument("--steps", type=int, default=0, help="denoising steps; 0: the policy's own")
    parser.add_argument(
        "--latency-steps",
        type=int,
        default=0,
        help="steps of 0.1 s from an observation to the first action of its chunk",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write pictures and videos of three episodes"
    )
    parser.add_argument(
        "--through",
        choices=("board", "cell"),
        default="board",
        help="the board alone, or observation, executor, follower, gate and arm of a mock cell too",
    )
    parser.add_argument("--config", default="mock", help="the mock cell of `--through cell`")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="values over its file"
    )
    parser.add_argument(
        "--response-s",
        type=float,
        action="append",
        default=[],
        help="of `--through cell`: time from asking to the answer; measured here by default",
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads a process")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.set_defaults(run=run_eval)


def run_eval(args: argparse.Namespace) -> int:
    """Score, and return the exit status.

    Raises:
        RobotdError: The policy or an argument is wrong.
        OSError: A file cannot be written.
    """
    for flag, least in (("episodes", 1), ("first_seed", 0), ("threads", 1), ("workers", 1)):
        value = getattr(args, flag)
        if value < least:
            raise ConfigError(
                "command line",
                f"--{flag.replace('_', '-')}",
                got=str(value),
                expected=f"at least {least}",
            )
    require_board("command line", "eval")
    if args.json is not None:
        check_json(args.json)
    if args.through == "cell":
        return _run_through_cell(args)
    plan = EvalPlan(
        policy=str(given_or_shipped(args.policy)),
        episodes_n=args.episodes,
        first_seed=args.first_seed,
        sampler_steps=args.steps,
        latency_steps=args.latency_steps,
        device=args.device,
        threads=args.threads,
    )
    report, rollout = evaluate(plan, workers=args.workers, on_block=_show_count(args.episodes))
    sys.stdout.write(as_table(report))
    if args.json is not None:
        write_json(args.json, report)
    if args.out is not None:
        from policy_server.evaluate_media import save_media  # only here: OpenCV and PyAV

        for path in save_media(rollout, args.out):
            sys.stdout.write(f"wrote {path}\n")
    return 0


def _run_through_cell(args: argparse.Namespace) -> int:
    for flag, given in (("--out", args.out), ("--latency-steps", args.latency_steps)):
        if given:
            raise ConfigError(
                "command line", flag, got=str(given), expected="nothing with `--through cell`"
            )
    from policy_server.through_cell import CellPlan, evaluate_through_cell  # only here: the robot

    plan = CellPlan(
        policy=str(given_or_shipped(args.policy)),
        episodes_n=args.episodes,
        first_seed=args.first_seed,
        config=args.config,
        settings=tuple(args.set),
        sampler_steps=args.steps,
        response_s=tuple(args.response_s),
    )
    report = evaluate_through_cell(
        plan, workers=args.workers, on_episode=_show_count(args.episodes)
    )
    sys.stdout.write(cell_table(report))
    if args.json is not None:
        write_json(args.json, report)
    if report.breaches_n:
        raise EnvelopeError(
            f"the arm's oracle found {report.breaches_n} setpoints outside the envelope, expected "
            "none: the gate is at fault; please report it"
        )
    return 0


def cell_table(report: "CellReport") -> str:
    """Return the figures of a run through the cell as text for people."""
    rows = {
        "response": f"p50 {report.response_p50_s * 1e3:.1f} ms, "
        f"p99 {report.response_p99_s * 1e3:.1f} ms",
        "action age": f"p50 {report.action_age_p50_s * 1e3:.0f} ms, "
        f"p99 {report.action_age_p99_s * 1e3:.0f} ms",
        "tracking": f"p50 {report.tracking_p50_px:.2f} px, p99 {report.tracking_p99_px:.2f} px",
        "gate refusals": f"{report.refused_n} in {report.ticks_n} cycles",
        "oracle breaches": str(report.breaches_n),
        "starved, stopped": f"{report.starved_n}, {report.stopped_n}",
    }
    return _score_rows(report) + _as_rows(rows) + _as_rows(_time_row(report))


def as_table(report: EvalReport) -> str:
    """Return the figures as text for people."""
    rows = {"mean length": f"{report.mean_steps_n:.1f} steps"}
    return _score_rows(report) + _as_rows(rows) + _as_rows(_time_row(report))


def _as_rows(rows: dict[str, str]) -> str:
    return "".join(f"{name:<18}{value}\n" for name, value in rows.items())


def _time_row(report: "EvalReport | CellReport") -> dict[str, str]:
    return {"time": f"{report.elapsed_s:.1f} s in {report.workers_n} process(es)"}


def _score_rows(report: "EvalReport | CellReport") -> str:
    low, high = report.mean_max_reward_ci95
    success_low, success_high = report.success_rate_ci95
    rows = {
        "policy": f"{report.policy} ({report.checkpoint_sha256[:12]})",
        "protocol": report.protocol,
        "episodes": str(report.episodes_n),
        "mean max reward": (
            f"{report.mean_max_reward:.4f} ± {report.standard_error:.4f} "
            f"(95 % {low:.4f} to {high:.4f})"
        ),
        "mean max coverage": f"{report.mean_max_coverage:.4f}",
        "success rate": (
            f"{report.success_rate:.3f} (95 % {success_low:.3f} to {success_high:.3f})"
        ),
    }
    return _as_rows(rows)


def _show_count(total: int) -> Callable[[int], None]:
    def show(done: int) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{done}/{total} episodes" + ("\n" if done == total else ""))
            sys.stderr.flush()

    return show
