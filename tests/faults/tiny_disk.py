"""A disk of two megabytes, mounted for a few processes alone, without any rights."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

SIZE: Final = "2m"


class TinyDisk:
    """A tmpfs in a mount namespace of its own; a context manager, gone with its end.

    Attributes:
        inside: Where the processes in it see the disk.
        outside: Where everybody else does.
        prefix: Words before a command that is to run in it.
    """

    def __init__(self, folder: Path) -> None:
        """Mount it over an empty folder.

        Raises:
            OSError: This system lends no namespaces to ordinary users.
        """
        self.inside = folder / "disk"
        self.inside.mkdir(parents=True)
        script = f'mount -t tmpfs -o size={SIZE} tmpfs "$0" && echo mounted && exec cat'
        self._holder = subprocess.Popen(
            ["unshare", "-Urm", "sh", "-c", script, str(self.inside)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if self._holder.stdout.readline() != "mounted\n":
            _, said = self._holder.communicate()
            raise OSError(f"unshare -Urm: {said.strip()}")
        pid = str(self._holder.pid)
        self.outside = Path(f"/proc/{pid}/root{self.inside}")
        self.prefix = ("nsenter", "-t", pid, "-U", "-m", "--preserve-credentials", "--")

    def fill(self, keep_bytes: int) -> None:
        """Fill it up but for so many bytes."""
        with (self.outside / "filler").open("ab") as file:
            while (free := self.free_bytes() - keep_bytes) > 0:
                file.write(b"\0" * min(free, 65536))
                file.flush()

    def make_room(self) -> None:
        """Take away what `fill` put there."""
        (self.outside / "filler").unlink()

    def free_bytes(self) -> int:
        """Return the room left."""
        return shutil.disk_usage(self.outside).free

    def __enter__(self) -> "TinyDisk":
        return self

    def __exit__(self, *error: object) -> None:
        self._holder.kill()
        self._holder.communicate()
