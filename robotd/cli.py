"""The command line: the one place that turns words into calls, and errors into one line."""

import contextlib
import io
import logging
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Annotated

import tyro

from robotd.core.errors import ConfigError, RobotdError, one_line
from robotd.modes.dataset.options import DatasetOptions
from robotd.modes.options import (
    AckOptions,
    CollectOptions,
    DoctorOptions,
    FlightOptions,
    JogOptions,
    ReplayOptions,
    RunOptions,
    StatusOptions,
    UpOptions,
)
from robotd.modes.sim_options import SimOptions

LEARNING = ("serve", "train", "eval")
EXIT_FAULT, EXIT_INTERRUPTED = 1, 130
DESCRIPTION = (
    "Control daemon and policy server for a UR arm: up, collect, run, replay, dataset, status, "
    f"ack, jog, flight, doctor, sim, and for the policies {', '.join(LEARNING)}. Not a certified "
    "safety function: those are in the UR controller."
)
Options = (
    UpOptions
    | CollectOptions
    | RunOptions
    | ReplayOptions
    | DatasetOptions
    | StatusOptions
    | AckOptions
    | DoctorOptions
    | SimOptions
    | JogOptions
    | FlightOptions
)
Command = (
    Annotated[UpOptions, tyro.conf.subcommand("up")]
    | Annotated[CollectOptions, tyro.conf.subcommand("collect")]
    | Annotated[RunOptions, tyro.conf.subcommand("run")]
    | Annotated[ReplayOptions, tyro.conf.subcommand("replay")]
    | Annotated[StatusOptions, tyro.conf.subcommand("status")]
    | Annotated[AckOptions, tyro.conf.subcommand("ack")]
    | Annotated[DatasetOptions, tyro.conf.subcommand("dataset")]
    | Annotated[DoctorOptions, tyro.conf.subcommand("doctor")]
    | Annotated[SimOptions, tyro.conf.subcommand("sim")]
    | Annotated[JogOptions, tyro.conf.subcommand("jog")]
    | Annotated[FlightOptions, tyro.conf.subcommand("flight")]
)


def main(argv: Sequence[str] | None = None) -> None:
    """Run `robotd`; exits with 0, or with another code and one line on stderr."""
    words = list(sys.argv[1:] if argv is None else argv)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        if words and words[0] in LEARNING:
            _become_policy_server(words)
        sys.exit(_dispatch(_parse(words)))
    except (RobotdError, OSError) as error:
        sys.exit(_complain(str(error)))
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except Exception:  # the boundary: an unforeseen fault still ends in an exit code
        logging.getLogger(__name__).exception("unforeseen fault; please report it")
        sys.exit(EXIT_FAULT)


def _parse(words: Sequence[str]) -> Options:
    """Turn words into options; `--help` prints and exits. `--mock` needs no value.

    Raises:
        RobotdError: A word that no command knows; the parser's drawing as one line.
    """
    drawing = io.StringIO()
    try:
        with contextlib.redirect_stderr(drawing):
            return tyro.cli(
                Command,
                prog="robotd",
                description=DESCRIPTION,
                args=["--mock=drivers" if word == "--mock" else word for word in words],
                config=(tyro.conf.FlagCreatePairsOff, tyro.conf.UseAppendAction),
            )
    except SystemExit as error:
        if error.code in (0, None):
            raise
        raise RobotdError(_sentence_of(drawing.getvalue())) from error


def _sentence_of(drawing: str) -> str:
    """Return what the parser's box says, without the box: its first part, and the nearest name."""
    lines = [line.strip("│╭╮╰╯ ") for line in drawing.splitlines()[1:]]  # the first is its title
    parts = " ".join(line if line.strip("─-") else "\n" for line in lines).split("\n")
    said = next((part.strip().rstrip(".") for part in parts if part.strip()), "not understood")
    near = [line.split()[0] for line in lines if line[:2] == "--" and line.strip("-")]
    meant = f"; did you mean {', '.join(near)}?" if near and "nrecognized" in said else ";"
    return f"command line: {said}{meant} see `robotd --help`"


def _dispatch(command: Options) -> int:
    """Import what the command needs, then run it."""
    if isinstance(command, RunOptions):
        from robotd.modes.run.command import run

        return run(command)
    if isinstance(command, CollectOptions):
        from robotd.modes.collect.command import collect

        return collect(command)
    if isinstance(command, ReplayOptions):
        from robotd.modes.replay.command import replay

        return replay(command)
    if isinstance(command, DatasetOptions):
        from robotd.modes.dataset.command import dataset

        return dataset(command)
    if isinstance(command, DoctorOptions):
        from robotd.modes.doctor.command import doctor

        return doctor(command)
    if isinstance(command, SimOptions):
        from robotd.sim.ur.command import sim_ur

        return sim_ur(
            model=command.model,
            address=command.address,
            version=command.version,
            serial=command.serial,
            off=command.off,
            on_protective_stop=command.on_protective_stop,
        )
    if isinstance(command, JogOptions):
        from robotd.modes.jog.command import jog

        return jog(command)
    if isinstance(command, UpOptions):  # after the commands whose options are more than these
        from robotd.modes.up import up

        return up(command)
    if isinstance(command, FlightOptions):
        from robotd.modes.flight.command import flight

        return flight(command)
    if isinstance(command, StatusOptions):
        from robotd.modes.inspect import status

        return status(command)
    from robotd.modes.ack import ack

    return ack(command)


def _become_policy_server(words: Sequence[str]) -> None:
    """Replace this process by `python -m policy_server ...`, which alone imports torch.

    Raises:
        ConfigError: torch is not installed.
    """
    if find_spec("policy_server") is None or find_spec("torch") is None:
        raise ConfigError(
            "command line",
            words[0],
            got="no torch here",
            expected="the server's packages",
            hint="pip install 'robotd[server]'",
        )
    os.execv(sys.executable, [sys.executable, "-m", "policy_server", *words])


def _complain(message: str) -> int:
    sys.stderr.write(f"robotd: {one_line(message)}\n")
    return EXIT_FAULT


if __name__ == "__main__":
    main()
