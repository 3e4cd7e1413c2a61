"""Which software an emulated controller claims to run, and what that software knows."""

from dataclasses import dataclass
from typing import Self

from robotd.core.errors import ConfigError


@dataclass(frozen=True, slots=True, order=True)
class PolyScope:
    """A software version; major 3 is CB3, major 5 e-Series.

    Attributes:
        major: 3 or 5.
        minor: Of that series.
        bugfix: Of that minor version.
        build: Number of the build.
    """

    major: int
    minor: int
    bugfix: int = 0
    build: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `5.13`, `5.13.1` or `5.13.1.1001`.

        Raises:
            ConfigError: Not a version of a series that is emulated.
        """
        parts = text.split(".")
        if 2 <= len(parts) <= 4 and all(part.isdecimal() and len(part) < 9 for part in parts):
            version = cls(*map(int, parts))
            if (3, 4) <= (version.major, version.minor) < (4, 0) or version.major == 5:
                return version
        raise ConfigError(
            "command line", "--version", got=text, expected="3.4 to 3.15 (CB3) or 5.x (e-Series)"
        )

    @property
    def cb3(self) -> bool:
        """Whether it runs on a CB3."""
        return self.major == 3

    def since(self, cb3: tuple[int, int] | None, e_series: tuple[int, int] | None) -> bool:
        """Whether it is at least so new in its own series; None: never in that series."""
        first = cb3 if self.cb3 else e_series
        return first is not None and (self.major, self.minor) >= first

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.bugfix}.{self.build}"


DEFAULT_VERSIONS = {"ur5": PolyScope(3, 15, 8, 106339), "ur5e": PolyScope(5, 13, 1, 1147273)}
"""What a model runs where nothing else is said."""
