"""The computer's files that say how it is set up: `/`, or a tree that a test made."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


def _may_use(path: Path) -> bool:
    return os.access(path, os.R_OK | os.W_OK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """Reads below a root; what is not there is None or empty, never an error.

    Attributes:
        root: `/`, or where the tree is.
        may_use: Whether this user may read and write a device's file.
    """

    root: Path = Path("/")
    may_use: Callable[[Path], bool] = _may_use

    def text(self, path: str) -> str | None:
        """Return what the file says, without the white space around it."""
        try:
            return (self.root / path).read_text(errors="replace").strip()
        except OSError:  # some of /sys exist and refuse to be read
            return None

    def entries(self, pattern: str) -> list[Path]:
        """Return the paths below the root that fit the pattern, sorted."""
        return sorted(self.root.glob(pattern))

    def relative(self, path: Path) -> str:
        """Return a path of `entries` as `text` takes it."""
        return str(path.relative_to(self.root))
