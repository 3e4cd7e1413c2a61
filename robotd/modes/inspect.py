"""`robotd status`: look at a running daemon."""

import contextlib
from collections.abc import Generator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from robotd.core.config import CellConfig
from robotd.core.errors import SupervisorError
from robotd.core.json_file import write_json
from robotd.core.rundir import owner_pid, run_path
from robotd.modes.cell_file import load_cell
from robotd.modes.daemon.control import ControlClient
from robotd.modes.daemon.messages import DaemonStatus
from robotd.modes.options import StatusOptions


def status(options: StatusOptions) -> int:
    """Print how the daemon is doing; 0 while it is well, 1 while it is in FAULT."""
    with daemon_client(load_cell(options), options.run_dir, "status") as control:
        found = control.call("status")
    if options.json is not None:
        write_json(options.json, found)
    Console().print(table_of(found))
    return 1 if found.state == "FAULT" else 0


@contextlib.contextmanager
def daemon_client(cell: CellConfig, base: Path | None, name: str) -> Generator[ControlClient]:
    """Yield a client of the cell's daemon.

    Args:
        cell: The cell.
        base: Its run directory, where it is not at its usual place.
        name: Of the client.

    Raises:
        SupervisorError: None is running.
    """
    run_dir = run_path(cell.name, base)
    if owner_pid(run_dir) is None:
        raise SupervisorError(f"no daemon of cell {cell.name} is running; start it: robotd up")
    control = ControlClient(run_dir, name=name)
    try:
        yield control
    finally:
        control.close()


def table_of(found: DaemonStatus) -> Table:
    """Return everything that a person is shown of it."""
    table = Table(title=f"cell {found.cell}{' (mock)' if found.mock else ''}", show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    rows = [
        ("state", found.state + (f": {found.reason}" if found.reason else "")),
        *_trouble(found),
        ("driven by", (found.owner or "nobody") + (f", {found.doing}" if found.doing else "")),
        ("policy", found.policy or found.policy_failure or "none"),
        ("logs", found.logs),
        ("real-time rights", "yes" if found.realtime else "no"),
    ]
    if (arm := found.arm) is not None:
        fault = f", {arm.fault}" if arm.fault else ""
        rows += [
            ("arm", f"{arm.phase}{fault}, {arm.rate_hz:.0f} Hz"),
            ("controller", f"{arm.safety}, {arm.mode}, speed {arm.speed_scaling:.0%}"),
            (
                "lateness p50 / p99 / max",
                f"{arm.late_p50_ms:.2f} / {arm.late_p99_ms:.2f} / {arm.late_max_ms:.2f} ms",
            ),
        ]
    if (run := found.run) is not None:
        rows.append(("run", f"{run.phase} {run.elapsed_s:.1f} s {run.outcome}".strip()))
    if (jog := found.jog) is not None:
        rows.append(("jog", f"{jog.frame} {', '.join(jog.outside) or 'inside'}"))
    if (recorder := found.recorder) is not None and (found.dataset or found.dataset_failure):
        rows.append(("data set", found.dataset or found.dataset_failure))
        rows.append(("free there", f"{recorder.free_bytes / 1e9:.1f} GB"))
    if found.recording:
        rows.append(("recording", found.recording))
    for name, process in found.processes.items():
        alive = "running" if process.alive else "dead"
        rows.append((name, f"{alive}, pid {process.pid}, restarts {process.restarts_n}"))
    for row in rows:
        table.add_row(*row)
    return table


def _trouble(found: DaemonStatus) -> list[tuple[str, str]]:
    """Return what happened, what to check, what the controller needs, and where it is recorded."""
    rows: list[tuple[str, str]] = []
    if (trouble := found.trouble) is not None:
        rows.append((trouble.cause, trouble.happened))
        rows += [("check", check) for check in trouble.checks]
        rows.append(("then", trouble.then))
    if (need := found.need) is not None and need.said:
        wait = f"; possible in {need.wait_s:.0f} s" if need.wait_s > 0 else ""
        rows.append(("controller needs", f"{need.said}{wait}: robotd ack"))
    if found.flight:
        rows.append(("flight record", found.flight))
    return rows
