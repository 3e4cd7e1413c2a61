"""Kernel, cores and the run directory: what a control loop stands on."""

from pathlib import Path
from typing import Final

from robotd.core.finding import Finding
from robotd.modes.doctor.host import Host

MIN_CORES: Final = 4
"""Arm, cameras, recorder and conductor each want one now and then."""
_CPU: Final = "sys/devices/system/cpu"
_MEMORY_FILES: Final = ("tmpfs", "ramfs")


def check_computer(host: Host, run_base: Path, *, real: bool) -> list[Finding]:
    """Look at the kernel and the cores, and where the run directories are.

    Args:
        host: The computer.
        run_base: Folder of the run directories.
        real: Whether it is to carry a real cell.
    """
    return [
        _kernel(host),
        _cores(host, real=real),
        _governor(host),
        _isolation(host),
        _run_directory(host, run_base),
    ]


def _kernel(host: Host) -> Finding:
    version = host.text("proc/version") or "unknown"
    release = " ".join(version.split()[2:3]) or "unknown"
    kind = host.text("sys/kernel/realtime") == "1" or "PREEMPT_RT" in version
    return Finding(
        name="kernel",
        found=f"{release}, {'PREEMPT_RT' if kind else 'not a real-time kernel'}",
        expected="PREEMPT_RT, or a loop that holds its rate without it (below)",
        status="ok" if kind else "unknown",
        fix=""
        if kind
        else "where the loop's jitter is too large: apt install linux-image-rt-amd64",
    )


def _cores(host: Host, *, real: bool) -> Finding:
    cores_n = _count(host.text(f"{_CPU}/online") or "")
    enough = cores_n >= MIN_CORES
    return Finding(
        name="cores",
        found=f"{cores_n}" if cores_n else "unknown",
        expected=f"{MIN_CORES} or more for a real cell; a mock does with 2",
        status="ok" if enough else "warn" if cores_n and real else "unknown",
        fix="a computer with more cores" if real and not enough else "",
    )


def _governor(host: Host) -> Finding:
    files = host.entries(f"{_CPU}/cpu[0-9]*/cpufreq/scaling_governor")
    found = {host.text(host.relative(file)) or "unknown" for file in files}
    expected = "performance on every core"
    if not found:
        return Finding(
            name="CPU governor",
            found="none (a virtual machine, or no frequency scaling)",
            expected=expected,
            status="unknown",
        )
    fast = found == {"performance"}
    return Finding(
        name="CPU governor",
        found=", ".join(sorted(found)),
        expected=expected,
        status="ok" if fast else "warn",
        fix="" if fast else "sudo cpupower frequency-set -g performance",
    )


def _isolation(host: Host) -> Finding:
    cores = host.text(f"{_CPU}/isolated") or ""
    return Finding(
        name="isolated cores",
        found=cores or "none",
        expected="none needed; isolated ones are used only where the arm's process is bound to one",
        status="unknown" if cores else "ok",
        fix="bind the service to them with CPUAffinity=, or take isolcpus= off" if cores else "",
    )


def _run_directory(host: Host, base: Path) -> Finding:
    kind = _file_system(host.text("proc/self/mounts") or "", base)
    in_memory = kind in _MEMORY_FILES
    return Finding(
        name="run directory",
        found=f"{base} ({kind or 'unknown file system'})",
        expected="in memory (tmpfs): the writing back of pages to a disk stalls whoever writes",
        status="ok" if in_memory else "warn" if kind else "unknown",
        fix="" if in_memory else "set XDG_RUNTIME_DIR to a folder of yours on tmpfs",
    )


def _count(ranges: str) -> int:
    """Return how many numbers `0-3,6` names."""
    total = 0
    for part in filter(None, ranges.split(",")):
        first, _, last = part.partition("-")
        total += int(last or first) - int(first) + 1
    return total


def _file_system(mounts: str, path: Path) -> str:
    """Return the type of the file system that a path lies on; empty where unknown."""
    best, kind = "", ""
    for line in mounts.splitlines():
        words = line.split()
        if len(words) > 2 and path.is_relative_to(words[1]) and len(words[1]) >= len(best):
            best, kind = words[1], words[2]
    return kind
