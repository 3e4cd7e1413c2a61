"""The run directory of a cell: where its processes meet, on tmpfs, gone when they are gone.

One owner, the conductor, creates it; the others join. `janitor.py` explains the two lock files and
how the directory is removed after any process, or all of them, were killed.
"""

import contextlib
import fcntl
import os
import re
import stat
import sys
import time
from pathlib import Path
from typing import Self

from robotd.core import janitor
from robotd.core.endpoint import MAX_IPC_PATH_BYTES
from robotd.core.errors import BusyError, ConfigError, RobotdError

_CELL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,47}")
_POLL_S = 0.01
_BUSY_S = 0.3
"""How long a lock must be held by the same owner to be believed: a dying one drops it."""


def default_base() -> Path:
    """Return the folder of this user's run directories.

    `$XDG_RUNTIME_DIR/robotd`, or `/dev/shm/robotd-<uid>`: both are memory, since the writing back
    of pages to a disk stalls whoever writes to them.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    return Path(runtime) / "robotd" if runtime else Path(f"/dev/shm/robotd-{os.getuid()}")


def run_path(cell: str, base: Path | None = None) -> Path:
    """Return the run directory of a cell, whether it exists or not.

    Raises:
        ConfigError: The name of the cell does not do as a folder name.
    """
    if not _CELL_NAME.fullmatch(cell):
        raise ConfigError(
            "run directory",
            "cell",
            got=repr(cell),
            expected="1 to 48 letters, digits, '-', '_' or '.', the first a letter or digit",
        )
    return (default_base() if base is None else base) / cell


def owner_pid(run: Path) -> int | None:
    """Return the process id of the living owner of a run directory, None where there is none."""
    pid = _pid_in(run / janitor.LOCK)
    return pid if pid is not None and janitor.has_open(pid, run / janitor.LOCK) else None


def socket_path(run: Path, name: str) -> Path:
    """Return the path of a Unix socket in the run directory.

    Raises:
        ConfigError: It is longer than the kernel takes.
    """
    path = run / name
    length = len(os.fsencode(path))
    if length > MAX_IPC_PATH_BYTES:
        raise ConfigError(
            "run directory",
            "socket",
            got=f"{path} ({length} bytes)",
            expected=f"at most {MAX_IPC_PATH_BYTES} bytes",
            hint="set XDG_RUNTIME_DIR to a shorter folder or shorten the cell's name",
        )
    return path


class RunDir:
    """Membership in a run; a context manager that leaves it.

    Attributes:
        path: The directory.
    """

    def __init__(
        self, path: Path, members_fd: int, lock_fd: int | None, janitor_pid: int | None
    ) -> None:
        self.path = path
        self._members_fd: int | None = members_fd
        self._lock_fd = lock_fd
        self._janitor_pid = janitor_pid

    @classmethod
    def create(
        cls,
        cell: str,
        *,
        base: Path | None = None,
        wait_s: float = 10.0,
        grace_s: float = janitor.GRACE_S,
    ) -> Self:
        """Make the cell's run directory and own it; what an earlier run left is removed.

        Args:
            cell: Name of the cell.
            base: Folder of the run directories; default: `default_base()`.
            wait_s: How long processes of an earlier run may take to go [s].
            grace_s: How long processes of this run may outlive their owner [s].

        Raises:
            BusyError: Another daemon runs this cell, or processes of its last run do not end.
            ConfigError: A name, a path too long, or a folder that others may read.
        """
        run = run_path(cell, base)
        socket_path(run, "x" * 16)
        deadline = time.monotonic() + wait_s
        while True:
            _make_private(run.parent)
            _make_private(run)
            fds = _own(run, deadline)
            if fds is not None:
                return cls(run, *fds, _start_janitor(run, grace_s))

    @classmethod
    def join(cls, path: Path) -> Self:
        """Become a member of a run that has an owner.

        Raises:
            RobotdError: There is no such run, or it is ending.
        """
        members = path / janitor.MEMBERS
        try:
            fd = os.open(members, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise RobotdError(f"{path}: no daemon runs here; start one: robotd up") from error
        if janitor.try_lock(fd, fcntl.LOCK_SH) and janitor.is_at(fd, members):
            return cls(path, fd, None, None)
        os.close(fd)
        raise RobotdError(f"{path}: the run is ending; start the daemon again: robotd up")

    def leave(self, wait_s: float = 2.0) -> None:
        """Leave the run; the last one out removes the directory.

        An owner leaves after all others, which otherwise are killed, and waits for the removal.

        Args:
            wait_s: How long an owner waits for the removal [s].
        """
        if self._members_fd is None:
            return
        os.close(self._members_fd)
        self._members_fd = None
        janitor.remove_if_unused(self.path)
        if self._lock_fd is None:
            return
        os.close(self._lock_fd)
        deadline = time.monotonic() + wait_s
        while self._janitor_pid is not None and time.monotonic() < deadline:
            if os.waitpid(self._janitor_pid, os.WNOHANG)[0]:
                self._janitor_pid = None
            else:
                time.sleep(_POLL_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.leave()


def _own(run: Path, deadline: float) -> tuple[int, int] | None:
    """Take both locks; (members, lock) descriptors, or None where the folder vanished meanwhile."""
    lock, members = run / janitor.LOCK, run / janitor.MEMBERS
    fds: list[int] = []
    done = False
    try:
        fds.append(lock_fd := os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        if not _take_lock(run, lock_fd, deadline):
            return None
        # Opened only now: a janitor that holds the lock kills whoever has it open for too long.
        fds.append(members_fd := os.open(members, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        if not _outlast(run, members_fd, deadline):
            return None
        os.ftruncate(lock_fd, 0)
        os.write(lock_fd, str(os.getpid()).encode())
        _clear(run)
        # Not atomic: a janitor may come between, rename the directory, and be noticed below.
        fcntl.flock(members_fd, fcntl.LOCK_SH)
        done = janitor.is_at(lock_fd, lock) and janitor.is_at(members_fd, members)
        return (members_fd, lock_fd) if done else None
    except FileNotFoundError:
        return None
    finally:
        if not done:
            for fd in fds:
                os.close(fd)


def _take_lock(run: Path, fd: int, deadline: float) -> bool:
    """Become the owner; False where the folder vanished meanwhile."""
    seen_since = time.monotonic()
    while not janitor.try_lock(fd, fcntl.LOCK_EX):
        now, pid = time.monotonic(), _pid_in(run / janitor.LOCK)
        if pid is None:  # an earlier run is being removed
            seen_since = now
        if now - seen_since > _BUSY_S or now > deadline:
            who = "its last run's removal" if pid is None else f"process {pid}"
            raise BusyError(
                f"{run}: cell {run.name!r} is already run by {who}; "
                f"stop it first, or use it: robotd status"
            )
        time.sleep(_POLL_S)
        if not janitor.is_at(fd, run / janitor.LOCK):
            return False
    return True


def _outlast(run: Path, fd: int, deadline: float) -> bool:
    """Wait until no process of an earlier run is left; False where the folder vanished."""
    while not janitor.try_lock(fd, fcntl.LOCK_EX):
        if time.monotonic() > deadline:
            pids = ", ".join(map(str, janitor.holders(run / janitor.MEMBERS))) or "unknown"
            raise BusyError(f"{run}: processes of its last run do not end: {pids}; kill them")
        time.sleep(_POLL_S)
    return janitor.is_at(fd, run / janitor.MEMBERS)


def _pid_in(lock: Path) -> int | None:
    try:
        text = lock.read_text()
    except FileNotFoundError:
        return None
    return int(text) if text.isascii() and text.isdigit() else None


def _clear(run: Path) -> None:
    """Remove what an earlier run left, in the directory and beside it."""
    for entry in run.iterdir():
        if entry.name in (janitor.LOCK, janitor.MEMBERS):
            continue
        if entry.is_dir() and not entry.is_symlink():
            janitor.remove_tree(str(entry))
        else:
            entry.unlink(missing_ok=True)
    for dead in run.parent.glob(f".{run.name}.dead.*"):
        janitor.remove_tree(str(dead))


def _make_private(folder: Path) -> None:
    """Make a folder for this user alone, or check that it is one.

    Raises:
        ConfigError: It is a link or a file, another user's, or open to others.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
    except FileNotFoundError:
        return  # removed with the last run meanwhile: the caller tries again
    except OSError as error:
        raise ConfigError(
            "run directory",
            str(folder),
            got=str(error.strerror),
            expected="a folder that can be made",
            hint="set XDG_RUNTIME_DIR to a folder of yours",
        ) from error
    mode = stat.S_IMODE(found.st_mode)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or mode & 0o077:
        kind = "folder" if stat.S_ISDIR(found.st_mode) else "no folder"
        raise ConfigError(
            "run directory",
            str(folder),
            got=f"{kind}, owner {found.st_uid}, mode {mode:04o}",
            expected=f"folder, owner {os.geteuid()}, mode 0700",
            hint="remove it, or set XDG_RUNTIME_DIR",
        )


def _start_janitor(run: Path, grace_s: float) -> int:
    """Start the process that removes the directory; return its process id."""
    quiet = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in range(3)]
    command = [sys.executable, "-I", "-S", str(janitor.__file__), str(run), str(grace_s)]
    return os.posix_spawn(sys.executable, command, os.environ, file_actions=quiet, setsid=True)
