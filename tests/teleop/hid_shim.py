"""The hidapi shim: built once, and the devices that a test plugs in below it."""

import contextlib
import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("hidshim.c")
UNPLUGGED = b"\xff"


def build(folder, source=SOURCE):
    """Compile the shim into a folder, under the two names that are looked for.

    Skips the test where there is no compiler.
    """
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler for the hidapi shim")
    library = folder / "libhidapi-hidraw.so"
    flags = ("-shared", "-fPIC", "-O2", "-Wall", "-Werror", f"-Wl,-soname,{library.name}.0")
    command = [compiler, *flags, "-o", library, source]
    subprocess.run(command, check=True, timeout=60)
    (folder / "libhidapi-hidraw.so.0").symlink_to(library.name)
    return folder


class Plug:
    """One device: connected between `plug` and `unplug`, and sending what it is told to."""

    def __init__(self, path, ids="256f:c635", serial=""):
        self.path, self.listed = path, f"{ids}:{path}" + (f":{serial}" if serial else "")
        self._server = self._link = None

    def plug(self):
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._server.bind(str(self.path))
        self._server.listen(4)
        self._server.settimeout(20.0)
        return self

    def await_opened(self):
        """Wait until somebody has opened it."""
        self._link, _ = self._server.accept()
        return self

    def send(self, *reports):
        """Send reports; like a device's, they are lost where nobody reads or it is unplugged."""
        for report in reports:
            with contextlib.suppress(OSError, AttributeError):
                self._link.send(report, socket.MSG_DONTWAIT)

    def unplug(self):
        """Pull it out: its file goes, and reading fails."""
        self.path.unlink(missing_ok=True)
        if self._link is not None:
            with contextlib.suppress(OSError):
                self._link.send(UNPLUGGED)
        self.close()

    def close(self):
        for end in (self._link, self._server):
            if end is not None:
                end.close()
        self._link = self._server = None


def environment(folder, *plugs):
    """Return the variables that put the shim below a process."""
    return {
        **os.environ,
        "LD_LIBRARY_PATH": f"{folder}:{os.environ.get('LD_LIBRARY_PATH', '')}",
        "HIDSHIM_DEVICES": ";".join(plug.listed for plug in plugs),
    }
