"""`robotd jog`: move the arm slowly by hand, also back from outside the envelope."""

import sys
from typing import Final

import msgspec

from robotd.core.clock import MS, MonoNs, SystemClock
from robotd.core.config import CellConfig
from robotd.core.errors import ConfigError, SupervisorError
from robotd.core.overrides import COMMAND_LINE
from robotd.core.process import StopFlag
from robotd.core.rundir import run_path
from robotd.modes.cell_client import OVER, CellClient
from robotd.modes.cell_file import load_cell
from robotd.modes.collect.keys import Keys, keys_of
from robotd.modes.collect.request import KEYBOARD, SPACEMOUSE
from robotd.modes.daemon.messages import DaemonStatus
from robotd.modes.daemon.supervisor import State
from robotd.modes.daemon_process import daemon_of
from robotd.modes.jog.messages import JogRequest
from robotd.modes.jog.view import KEYS_LINE, help_lines, live_line
from robotd.modes.options import JogOptions
from robotd.modes.real_cell import require_terminal
from robotd.modes.show import Progress
from teleop.deflection import AXES
from teleop.session_table import Command

LOOK_NS: Final = 50 * MS
"""Between two looks at the keys and the daemon: also the heartbeat of the lease."""
EXIT_OK, EXIT_FAILED, EXIT_INTERRUPTED = 0, 1, 130


def jog(options: JogOptions) -> int:
    """Jog until the person quits; 0 then, and 1 where it ended otherwise.

    Raises:
        RobotdError: Nothing was started, or it could not go on; one sentence.
    """
    cell = load_cell(options)
    operator = _operator(options, cell)
    require_terminal(cell)
    run_dir = run_path(cell.name, options.run_dir)
    arguments = None if operator == KEYBOARD else (f"--operator={operator}",)
    request = JogRequest(joints=options.joints, arguments=arguments)
    config = msgspec.structs.replace(cell.teleop, axes=AXES)
    with (
        StopFlag() as stop,
        daemon_of(cell, options, stop, client="jog") as control,
        Progress() as progress,
    ):
        client = CellClient(cell, control, stop)
        if not client.arm(jog=request):
            sys.stderr.write("robotd: not armed; nothing was moved\n")
            return EXIT_INTERRUPTED if stop.requested else EXIT_FAILED
        with keys_of(config, run_dir, operates=operator == KEYBOARD) as keys, client.driving():
            control.call("start", jog=request)
            status = _follow(client, keys, progress)
    return _conclude(status, interrupted=stop.requested)


def _operator(options: JogOptions, cell: CellConfig) -> str:
    device = cell.teleop.device
    operator = options.operator or (KEYBOARD if cell.mock or device == "none" else device)
    if operator not in (KEYBOARD, SPACEMOUSE):
        raise _refusal(operator, f"{KEYBOARD} or {SPACEMOUSE}")
    if operator == KEYBOARD and not (sys.stdin and sys.stdin.isatty()):
        raise _refusal(operator, "a terminal on stdin")
    return operator


def _refusal(got: str, expected: str) -> ConfigError:
    return ConfigError(COMMAND_LINE, "--operator", got=got, expected=expected)


def _follow(client: CellClient, keys: Keys, progress: Progress) -> DaemonStatus:
    """Pass on what the person says until they quit or the arm stops; bring it to rest."""
    clock, said = SystemClock(), ""
    while True:
        status = client.control.call("status")
        client.check_own(status)
        if status.jog is None:
            raise SupervisorError(status.reason or "jogging did not begin")
        commands = keys.commands()
        over = status.state in OVER or bool(status.jog.outcome)
        if over or client.stop.requested or Command.QUIT in commands:
            return client.bring_to_rest()
        if Command.TOGGLE in commands:
            said = _toggle(client, status)
        if keys.help_wanted():
            for line in help_lines():
                progress.say(line)
        lines = [live_line(status, status.jog), KEYS_LINE, *([said] if said else [])]
        progress.show_text("\n".join(lines))
        clock.sleep_until(MonoNs(clock.now() + LOOK_NS))


def _toggle(client: CellClient, status: DaemonStatus) -> str:
    """Change between axes and joints, or resume after a pause; return why not."""
    try:
        if status.state == State.PAUSED:
            client.control.call("resume")
        else:
            client.control.call("say", command="toggle")
    except SupervisorError as error:
        return str(error)
    return ""


def _conclude(status: DaemonStatus, *, interrupted: bool) -> int:
    outside = () if status.jog is None else status.jog.outside
    where = f"outside: {', '.join(outside)}" if outside else "inside its envelope"
    sys.stderr.write(f"the arm stands {where}\n")
    if interrupted:
        return EXIT_INTERRUPTED
    if status.state == State.FAULT:
        sys.stderr.write(f"robotd: {status.reason}; see `robotd status`\n")
        return EXIT_FAILED
    return EXIT_OK
