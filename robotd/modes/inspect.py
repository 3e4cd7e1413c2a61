"""`robotd status` and `robotd ack`: look at a running daemon, and take back its fault."""

import sys

from rich.console import Console
from rich.table import Table

from robotd.core.errors import SupervisorError
from robotd.core.json_file import write_json
from robotd.core.rundir import owner_pid, run_path
from robotd.modes.cell_file import load_cell
from robotd.modes.control import ControlClient
from robotd.modes.messages import DaemonStatus, Op
from robotd.modes.options import AckOptions, CellOptions, StatusOptions


def status(options: StatusOptions) -> int:
    """Print how the daemon is doing; 0 while it is well, 1 while it is in FAULT."""
    found = _ask(options, "status")
    if options.json is not None:
        write_json(options.json, found)
    Console().print(_table(found))
    return 1 if found.state == "FAULT" else 0


def ack(options: AckOptions) -> int:
    """Acknowledge the fault; says what it was."""
    before = _ask(options, "status")
    after = _ask(options, "ack")
    sys.stdout.write(f"{before.state} ({before.reason or 'no reason'}) -> {after.state}\n")
    return 0


def _ask(options: CellOptions, op: Op) -> DaemonStatus:
    """Ask the cell's daemon.

    Raises:
        SupervisorError: None is running, or it refused.
    """
    cell = load_cell(options)
    run_dir = run_path(cell.name, options.run_dir)
    if owner_pid(run_dir) is None:
        raise SupervisorError(f"no daemon of cell {cell.name} is running; start it: robotd up")
    control = ControlClient(run_dir, name=op)
    try:
        return control.call(op)
    finally:
        control.close()


def _table(found: DaemonStatus) -> Table:
    table = Table(title=f"cell {found.cell}{' (mock)' if found.mock else ''}", show_header=False)
    rows = [
        ("state", found.state + (f": {found.reason}" if found.reason else "")),
        ("driven by", found.owner or "nobody"),
        ("policy", found.policy or found.policy_failure or "none"),
        ("logs", found.logs),
        ("real-time rights", "yes" if found.realtime else "no"),
    ]
    if (arm := found.arm) is not None:
        fault = f", {arm.fault}" if arm.fault else ""
        rows += [
            ("arm", f"{arm.phase}{fault}, {arm.rate_hz:.0f} Hz"),
            (
                "lateness p50 / p99 / max",
                f"{arm.late_p50_ms:.2f} / {arm.late_p99_ms:.2f} / {arm.late_max_ms:.2f} ms",
            ),
        ]
    if (run := found.run) is not None:
        rows.append(("run", f"{run.phase} {run.elapsed_s:.1f} s {run.outcome}".strip()))
    for name, process in found.processes.items():
        alive = "running" if process.alive else "dead"
        rows.append((name, f"{alive}, pid {process.pid}, restarts {process.restarts_n}"))
    for row in rows:
        table.add_row(*row)
    return table
