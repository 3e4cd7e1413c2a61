"""Removes a run directory when the last process that uses it has gone, however it ended.

A process of its own, started by `rundir.py` as a script: it imports the standard library alone, so
that it costs little beside the run. Two files in the directory carry the protocol, through locks
that the kernel drops with their holder:

    lock      locked exclusively by the owner, the conductor, whose process id it holds; after it
              by the janitor, and then empty
    members   locked shared by every process of the run

When the owner has gone, the others have some seconds to follow; one that hangs in a vendor's
library does not, and is killed. Who gets `members` exclusively renames the directory, which ends
it for everybody at one instant, and removes it.
"""

import contextlib
import fcntl
import os
import signal
import sys
import time

LOCK = "lock"
MEMBERS = "members"
GRACE_S = 5.0
"""How long processes may outlive the owner, to brake and to close their files [s]."""

_POLL_S = 0.02


def is_at(fd: int, path: str | os.PathLike[str]) -> bool:
    """Whether the open file `fd` is still the one under `path`."""
    try:
        found = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return False
    mine = os.fstat(fd)
    return (found.st_dev, found.st_ino) == (mine.st_dev, mine.st_ino)


def try_lock(fd: int, kind: int) -> bool:
    """Take a lock on `fd` (`fcntl.LOCK_SH` or `LOCK_EX`) if it is free; say whether."""
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def has_open(pid: int, path: str | os.PathLike[str]) -> bool:
    """Whether a process of this user has the file under `path` open."""
    with contextlib.suppress(OSError):
        wanted = os.stat(path)
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                found = os.stat(f"/proc/{pid}/fd/{fd}")
                if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
                    return True
    return False


def holders(path: str | os.PathLike[str]) -> list[int]:
    """Return the ids of the other processes of this user that have `path` open."""
    pids = [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]
    return [pid for pid in pids if pid != os.getpid() and has_open(pid, path)]


def remove_if_unused(run: str | os.PathLike[str]) -> bool:
    """Remove the run directory unless a process is still a member; say whether it is gone."""
    members = os.path.join(run, MEMBERS)
    try:
        fd = os.open(members, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return not os.path.lexists(run)
    try:
        if not try_lock(fd, fcntl.LOCK_EX):
            return False
        if is_at(fd, members):
            bury(run)
    finally:
        os.close(fd)
    return not os.path.lexists(run)


def bury(run: str | os.PathLike[str]) -> None:
    """Rename a directory out of the way, remove it, and its parent where that is empty and ours."""
    parent, name = os.path.split(os.fspath(run))
    dead = os.path.join(parent, f".{name}.dead.{os.getpid()}.{time.monotonic_ns()}")
    with contextlib.suppress(FileNotFoundError):
        os.rename(run, dead)
        remove_tree(dead)
    if os.path.basename(parent).startswith("robotd"):
        with contextlib.suppress(OSError):  # not empty: another cell's
            os.rmdir(parent)


def remove_tree(top: str) -> None:
    """Remove a directory with all that is in it, following no links."""
    for folder, subfolders, files in os.walk(top, topdown=False):
        for name in files:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(folder, name))
        for name in subfolders:
            path = os.path.join(folder, name)
            with contextlib.suppress(FileNotFoundError):
                (os.unlink if os.path.islink(path) else os.rmdir)(path)
    with contextlib.suppress(FileNotFoundError):
        os.rmdir(top)


def main(run: str, grace_s: float = GRACE_S) -> None:
    """Wait until the owner has gone, then see the others out, and remove the directory."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    try:
        lock = os.open(os.path.join(run, LOCK), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    fcntl.flock(lock, fcntl.LOCK_EX)  # sleeps for as long as the owner lives
    if not is_at(lock, os.path.join(run, LOCK)):
        return  # somebody else has removed the directory
    os.ftruncate(lock, 0)
    deadline = time.monotonic() + grace_s
    while not remove_if_unused(run):
        if time.monotonic() > deadline:
            for pid in holders(os.path.join(run, MEMBERS)):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(_POLL_S)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
