"""`.ci/debian-packages`: installs what is missing where it may, and never fails."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci" / "debian-packages"
PYTHON = """#!/bin/sh
for name in libusb-1.0-0 libhidapi-hidraw0; do
    [ -e "$INSTALLED/$name" ] || printf '%s ' "$name"
done
"""
APT = """#!/bin/sh
echo "apt-get $*" >>"$INSTALLED/log"
case "$*" in *update*) touch "$INSTALLED/lists"; exit 0;; esac
[ -e "$INSTALLED/lists" ] || exit 100
for name; do case $name in lib*) touch "$INSTALLED/$name";; esac; done
"""


class Computer:
    """A computer whose `apt-get`, `id`, `sudo` and Python are those written here."""

    def __init__(self, folder, *, user=0, sudo=1, apt=APT):
        self.folder = folder
        self.programs = folder / "bin"
        self.programs.mkdir()
        self._write("python", PYTHON)
        self._write("id", f"#!/bin/sh\necho {user}\n")
        self._write("sudo", f'#!/bin/sh\n[ {sudo} = 0 ] || exit 1\nshift\nexec "$@"\n')
        if apt:
            self._write("apt-get", apt)
        for name in ("sh", "env", "timeout", "touch", "true"):
            source = next(p for d in ("/usr/bin", "/bin") if (p := Path(d, name)).exists())
            (self.programs / name).symlink_to(source)

    def _write(self, name, text):
        (self.programs / name).write_text(text)
        (self.programs / name).chmod(0o755)

    def has(self, *names):
        for name in names:
            (self.folder / name).touch()
        return self

    def prepare(self):
        done = subprocess.run(
            [SCRIPT, self.programs / "python"],
            env={"PATH": str(self.programs), "INSTALLED": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert (done.returncode, done.stdout) == (0, "")
        return done.stderr

    @property
    def asked(self):
        log = self.folder / "log"
        return log.read_text().splitlines() if log.exists() else []


def test_nothing_is_done_where_nothing_is_missing(tmp_path):
    computer = Computer(tmp_path).has("libusb-1.0-0", "libhidapi-hidraw0")
    assert computer.prepare() == ""
    assert computer.asked == []


@pytest.mark.parametrize("rights", [{"user": 0}, {"user": 1000, "sudo": 0}])
def test_what_is_missing_is_installed_where_it_may_be(tmp_path, rights):
    computer = Computer(tmp_path, **rights).has("lists", "libusb-1.0-0")
    assert computer.prepare() == ""
    assert (tmp_path / "libhidapi-hidraw0").exists()
    assert len(computer.asked) == 1
    assert computer.asked[0].endswith("--no-install-recommends libhidapi-hidraw0")


def test_a_new_computer_gets_its_package_lists_first(tmp_path):
    computer = Computer(tmp_path)
    assert computer.prepare() == ""
    assert (tmp_path / "libusb-1.0-0").exists()
    assert (tmp_path / "libhidapi-hidraw0").exists()
    assert [" update" in line for line in computer.asked] == [False, True, False]


@pytest.mark.parametrize(
    "rights", [{"user": 1000}, {"apt": None}, {"apt": "#!/bin/sh\nexit 100\n"}]
)
def test_else_one_line_names_the_command(tmp_path, rights):
    assert Computer(tmp_path, **rights).prepare() == (
        "robotd: without libusb-1.0-0 libhidapi-hidraw0 the mock goes without the drivers; "
        "type: sudo apt-get install -y libusb-1.0-0 libhidapi-hidraw0\n"
    )


def test_the_real_python_is_asked_what_it_can_load(tmp_path):
    computer = Computer(tmp_path, user=1000)
    (computer.programs / "python").unlink()
    (computer.programs / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (computer.programs / "python").chmod(0o755)
    said = computer.prepare()
    assert said == "" or "type: sudo apt-get install -y lib" in said
