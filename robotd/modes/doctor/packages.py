"""Whether the vendors' libraries are here, and the Debian packages under them."""

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

from robotd.core.finding import Finding
from robotd.core.vendor_libraries import ROBOT_EXTRA, VENDOR_LIBRARIES, loads


def installed_version(package: str) -> str | None:
    """Return the version of a Python package, None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def usable(
    name: str,
    version_of: Callable[[str], str | None] = installed_version,
    has: Callable[[str], bool] = loads,
) -> bool:
    """Whether a vendor's library is here, with what is below it."""
    shared = VENDOR_LIBRARIES[name].shared
    return version_of(name) is not None and (not shared or has(shared))


def check_packages(
    wanted: frozenset[str],
    version_of: Callable[[str], str | None] = installed_version,
    has: Callable[[str], bool] = loads,
) -> list[Finding]:
    """Look for the libraries that talk to the devices.

    Args:
        wanted: Those without which the cell cannot do.
        version_of: Version of a Python package.
        has: Whether the system has a shared library.
    """
    return [_package(name, name in wanted, version_of, has) for name in VENDOR_LIBRARIES]


def _package(
    name: str,
    wanted: bool,
    version_of: Callable[[str], str | None],
    has: Callable[[str], bool],
) -> Finding:
    found, vendor = version_of(name), VENDOR_LIBRARIES[name]
    below = vendor.debian
    whole = not below or has(vendor.shared)
    parts = [f"{name} {found}" if found else f"no {name}", *([] if whole else [f"no {below}"])]
    fixes = [] if found else [ROBOT_EXTRA]
    fixes += [] if whole else [vendor.install_shared]
    return Finding(
        name=name,
        found=", ".join(parts),
        expected=f"installed{f', with {below}' if below else ''}",
        status="fail" if fixes and wanted else "unknown" if fixes else "ok",
        fix=", ".join(fixes),
    )
