"""`robotd flight FILE`: what the arm did before a stop, in words and a picture."""

import sys
from pathlib import Path

import numpy as np

from robotd.core.arm_codes import ArmFault, ArmPhase, Limit
from robotd.core.clock import MS, S
from robotd.core.ur_codes import robot_mode_name, safety_names
from robotd.core.whole_file import whole_file
from robotd.modes.daemon.causes import GUIDANCE, Cause
from robotd.modes.flight.file import Flight, read_flight
from robotd.modes.flight.page import draw_flight
from robotd.modes.options import FlightOptions


def flight(options: FlightOptions) -> int:
    """Print a record's account and draw it.

    Raises:
        DatasetError: It is no flight record.
        OSError: It cannot be read, or the picture not be written.
    """
    found = read_flight(options.file)
    out: Path = options.out or options.file.with_suffix(".png")
    for line in account(found):
        sys.stdout.write(f"{line}\n")
    with whole_file(out) as partial, partial.open("wb") as file:
        draw_flight(found, file)
    sys.stderr.write(f"see {out}\n")
    return 0


def account(found: Flight) -> list[str]:
    """Return what a record says, in lines."""
    about, columns = found.about, found.columns
    lines = [
        f"{about.t_wall}  cell {about.cell}: {about.before} -> {about.state} by {about.event}",
        about.reason or "no reason",
    ]
    if about.cause in list(Cause):
        told = GUIDANCE[Cause(about.cause)]
        lines += [f"{about.cause}: {told.happened}", *(f"  check: {c}" for c in told.checks)]
    lines += [f"episode {about.episode}"] if about.episode else []
    count = len(columns["t_ns"])
    if count == 0:
        return [*lines, "no cycle of the arm was seen"]
    span_s = (int(columns["t_ns"][-1]) - int(columns["t_ns"][0])) / S
    error = np.abs(columns["q_cmd_rad"] - columns["q_rad"]).max()
    refused = int(np.count_nonzero(~columns["accepted"] & (columns["limit"] != Limit.NONE)))
    return [
        *lines,
        f"{count} cycles in {span_s:.2f} s, moved by {about.doing or 'nobody'}, last phase "
        f"{ArmPhase(int(columns['phase'][-1])).name.lower()}, fault "
        f"{ArmFault(int(columns['fault'][-1])).name.lower()}",
        f"controller: {safety_names(int(columns['safety_bits'][-1]))}, "
        f"{robot_mode_name(int(columns['robot_mode'][-1]))}, speed "
        f"{float(columns['speed_scaling'][-1]):.0%}",
        f"largest distance of a joint from its setpoint {error * 1e3:.1f} mrad, gate refusals "
        f"{refused}, latest cycle {int(columns['late_ns'].max()) / MS:.2f} ms late",
    ]
