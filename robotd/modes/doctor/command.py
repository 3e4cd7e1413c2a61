"""`robotd doctor`: look at everything that a cell needs, and say what to do about it."""

import ipaddress
import socket
from collections.abc import Generator

from robotd.core.config import CellConfig, RecordConfig
from robotd.core.errors import ConfigError, ProcessDiedError
from robotd.core.finding import Finding
from robotd.core.json_file import check_json, write_json
from robotd.core.rundir import default_base, owner_pid, run_path
from robotd.core.ur_models import ur_model
from robotd.modes.cell_file import load_cell
from robotd.modes.doctor.computer import check_computer
from robotd.modes.doctor.devices import look_at_devices
from robotd.modes.doctor.disk import check_disk
from robotd.modes.doctor.host import Host
from robotd.modes.doctor.packages import check_packages
from robotd.modes.doctor.pendant import check_pendant
from robotd.modes.doctor.policy import check_policy_server
from robotd.modes.doctor.reach import check_ports
from robotd.modes.doctor.realtime import check_realtime, limits_of_this_process, measure_jitter
from robotd.modes.doctor.report import EXIT_CODES, Report, Section, report_of
from robotd.modes.doctor.route import check_route
from robotd.modes.doctor.show import Show
from robotd.modes.doctor.wall_clock import check_clock
from robotd.modes.drivers import packages_of
from robotd.modes.options import CellOptions, DoctorOptions

_RATE_HZ = 500.0
"""Of an e-Series arm, where no cell says which it is."""
_LONGEST_S = 600.0


def doctor(options: DoctorOptions) -> int:
    """Print what was found; 0 where the cell may be used, 3 with warnings, 1 where it may not.

    Raises:
        ConfigError: A value of the command line.
    """
    if not 0.1 <= options.seconds <= _LONGEST_S:
        expected = f"0.1 to {_LONGEST_S:g}"
        raise ConfigError(
            "command line", "--seconds", got=f"{options.seconds:g}", expected=expected
        )
    if options.json is not None:
        check_json(options.json)
    show = Show()
    report = _examine(options, show)
    show.total(report)
    if options.json is not None:
        write_json(options.json, report)
    return EXIT_CODES[report.status]


def _examine(options: DoctorOptions, show: Show) -> Report:
    cell, findings = _read_cell(options)
    sections = [Section(name="cell", findings=tuple(findings))]
    show.section(sections[0])
    for section in _sections(cell, options, show):
        show.section(section)
        sections.append(section)
    return report_of(cell.name if cell else "", sections)


def _sections(cell: CellConfig | None, options: DoctorOptions, show: Show) -> Generator[Section]:
    host = Host()
    real = cell is not None and not cell.mock
    base = options.run_dir or default_base()
    yield _section("computer", check_computer(host, base, real=real))
    with show.busy(f"measuring a loop for {options.seconds:g} s"):
        jitter = _realtime(cell, options.seconds)
    yield _section("real time", jitter)
    wanted = frozenset(packages_of(cell)) if cell is not None else frozenset[str]()
    yield _section("libraries", check_packages(wanted))
    if cell is not None and cell.arm.kind == "ur" and not cell.mock:
        with show.busy(f"looking for the arm at {cell.arm.host}"):
            network = _network(host, cell.arm.host)
        yield _section("network", network)
    with show.busy("looking at the devices"):
        looked_at = look_at_devices(host, cell, options.run_dir)
    yield from looked_at
    record = cell.record if cell is not None else RecordConfig()
    yield _section("disk", check_disk(options.dataset, record))
    yield _section("clock", check_clock())
    with show.busy("asking the policy server"):
        policy = check_policy_server(options.server, cell)
    yield _section("policy", policy)
    if cell is not None and real:
        yield _section("on the pendant", check_pendant(cell))


def _section(name: str, findings: list[Finding]) -> Section:
    return Section(name=name, findings=tuple(findings))


def _read_cell(options: CellOptions) -> tuple[CellConfig | None, list[Finding]]:
    """Return the cell, None where there is none to be had, and what there is to say of it."""
    if not (options.config or options.mock):
        return None, [
            Finding(
                name="configuration",
                found="no cell named",
                expected="a cell, for what concerns its arm and cameras",
                status="unknown",
                fix="name it: --config FOLDER, or --mock",
            )
        ]
    told: list[str] = []
    try:
        cell = load_cell(options, tell=told.append)
    except ConfigError as error:
        return None, [
            Finding(
                name="configuration",
                found=str(error),
                expected="a file without faults",
                status="fail",
                fix="correct it, and ask again: the rest goes by no cell",
            )
        ]
    kind = "mock" if cell.mock else "real"
    found = f"{cell.name}: a {kind} cell with a {cell.arm.model} ({cell.arm.kind})"
    return cell, [
        Finding(name="configuration", found=found, status="ok"),
        *(_without_drivers(sentence) for sentence in told),
        _daemon(cell, options),
    ]


def _without_drivers(sentence: str) -> Finding:
    """Return that a mock goes without the vendors' libraries, with the command that brings them."""
    return Finding(
        name="drivers",
        found=sentence.strip().removeprefix("robotd: "),
        expected="the drivers, as with --mock",
        status="warn",
        fix="run that command",
    )


def _daemon(cell: CellConfig, options: CellOptions) -> Finding:
    pid = owner_pid(run_path(cell.name, options.run_dir))
    return Finding(
        name="daemon",
        found=f"running, process {pid}" if pid else "not running",
        expected="not running while its devices are looked at",
        status="unknown" if pid else "ok",
        fix="end it for a full look; while it runs: robotd status" if pid else "",
    )


def _realtime(cell: CellConfig | None, seconds: float) -> list[Finding]:
    rate_hz = ur_model(cell.arm.model).servo_rate_hz if cell is not None else _RATE_HZ
    judged_for = "any" if cell is None else "mock" if cell.mock else "real"
    try:
        figures = measure_jitter(rate_hz=rate_hz, seconds=seconds)
    except ProcessDiedError as error:
        return [
            Finding(
                name="loop jitter",
                found=str(error),
                expected="figures of a loop",
                status="fail" if judged_for == "real" else "warn",
                fix="try it: python -m robotd.modes.doctor.jitter --rate-hz 500 --seconds 1",
            )
        ]
    return check_realtime(limits_of_this_process(), figures, judged_for)


def _network(host: Host, name: str) -> list[Finding]:
    """Look at the way to the arm, and whether it answers."""
    try:
        address = str(ipaddress.ip_address(socket.gethostbyname(name)))
    except OSError as error:
        return [
            Finding(
                name="the arm's address",
                found=f"{name}: {error.strerror or error}",
                expected="an address, or a name that this computer knows",
                status="fail",
                fix="write the address from the pendant's network page into arm.host",
            )
        ]
    return [*check_route(host, address), *check_ports(address)]
