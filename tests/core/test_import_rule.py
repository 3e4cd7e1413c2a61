"""Who may import whom, read from the sources as data."""

import ast
import fnmatch
import importlib.util
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("robotd", "policy_server", "teleop", "calibration")

CORE = "robotd.core"
MODES = frozenset(
    {CORE, "robotd.servo", "robotd.pipeline", "robotd.episodes", "robotd.modes", "teleop"}
)
OURS = frozenset({"robotd", "teleop", "calibration"})

MAY_IMPORT = {
    "robotd": frozenset({CORE}),
    "robotd.core": frozenset({CORE}),
    "robotd.servo": frozenset({CORE, "robotd.servo"}),
    "robotd.pipeline": frozenset({CORE, "robotd.pipeline"}),
    "robotd.hardware": frozenset({CORE, "robotd.hardware"}),
    "robotd.sim": frozenset({CORE, "robotd.sim"}),
    "robotd.episodes": frozenset({CORE, "robotd.episodes"}),
    "teleop": frozenset({CORE, "teleop"}),
    "calibration": frozenset({CORE, "robotd.hardware", "calibration"}),
    "robotd.modes": MODES | {"robotd.sim.pusht_geometry"},
    # Lockstep is a second assembly: the parts of all processes in one.
    "robotd.modes.lockstep": MODES | {"robotd.sim"},
    "policy_server": frozenset(
        {CORE, "robotd.episodes", "robotd.sim.pusht*", "robotd.sim.render", "policy_server"}
    ),
    # The composition roots, the only places that build real objects.
    "robotd.cli": OURS,
    "robotd.proc": OURS,
    "policy_server.__main__": frozenset({CORE, "policy_server"}),
    "policy_server.through_cell": frozenset(
        {
            CORE,
            "robotd.sim.pusht*",
            "robotd.modes.lockstep.evaluate",
            "robotd.modes.cell_file",
            "robotd.modes.options",
            "policy_server",
        }
    ),
}
"""Layer, the longest name that fits counting, to what of ours its modules may name."""

ONLY_IN = {
    "ruckig": "robotd/servo/*.py",
    "pymunk": "robotd/sim/pusht*.py",
    "msgpack": "robotd/core/wire*.py",
    "rtde_control": "robotd/hardware/ur*.py",
    "rtde_receive": "robotd/hardware/ur*.py",
    "rtde_io": "robotd/hardware/ur*.py",
    "dashboard_client": "robotd/hardware/ur*.py",
    "pyrealsense2": "robotd/hardware/realsense.py",
    "pyspacemouse": "teleop/spacemouse.py",
    "easyhid": "teleop/spacemouse.py",
    "mcap": "robotd/episodes/mcap_file.py",
    "google": "robotd/episodes/schemas.py",
    "foxglove_schemas_protobuf": "robotd/episodes/schemas.py",
}
"""Vendor library to the one file that may import it (one at most of those that match)."""

EMULATED_BY = {"pyrealsense2": "robotd/sim/realsense_*.py"}
"""Vendor library to the files of the mock that emulate a device by the library's own means."""

FOR_TESTS_ALONE = frozenset(
    {"pygame", "gymnasium", "gym_pusht", "diffusers", "hypothesis", "scipy"}
)

NOT_IN_THE_ARM_PROCESS = frozenset({"zmq", "cv2", "torch", "logging.handlers", "av", "matplotlib"})
"""A busy thread or a slow import there costs ticks; `logging.handlers` brings sockets."""


@dataclass(frozen=True)
class Import:
    """One import statement: who names what, and whether importing the file runs it."""

    file: str
    line: int
    module: str
    target: str
    at_load: bool

    def __str__(self):
        return f"{self.file}:{self.line}: {self.module} imports {self.target}"


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def read_imports(source, module, file):
    """All imports of a source, those in functions and under TYPE_CHECKING too."""
    found = []

    def visit(node, at_load):
        if isinstance(node, ast.Import):
            found.extend(Import(file, node.lineno, module, a.name, at_load) for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{a.name}" for a in node.names]
            found.extend(Import(file, node.lineno, module, name, at_load) for name in names)
        is_function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for_types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for child in ast.iter_child_nodes(node):
            visit(child, at_load and not is_function and not for_types)

    visit(ast.parse(source), True)
    return found


def sources():
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


@pytest.fixture(scope="module")
def imports():
    found = []
    for path in sources():
        file = str(path.relative_to(ROOT))
        found += read_imports(path.read_text(), module_name(path), file)
    return found


def layer_of(module):
    names = [name for name in MAY_IMPORT if within(module, name)]
    return max(names, key=len)


def within(module, name):
    return module == name or module.startswith(f"{name}.")


def is_ours(target):
    return any(within(target, package) for package in PACKAGES)


def allowed(target, allowance):
    if "*" in allowance:
        return fnmatch.fnmatch(target, allowance)
    return within(target, allowance)


def breaks_layers(imported):
    allowances = MAY_IMPORT[layer_of(imported.module)]
    return is_ours(imported.target) and not any(
        allowed(imported.target, allowance) for allowance in allowances
    )


def loaded_by(module, imports):
    """Everything that importing `module` loads, as names of imports."""
    by_module = {}
    for imported in imports:
        if imported.at_load:
            by_module.setdefault(imported.module, []).append(imported.target)
    seen, todo = set(), [module]
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        for target in by_module.get(name, ()):
            todo.append(target)
            todo.extend(target.rsplit(".", n)[0] for n in range(1, target.count(".") + 1))
    return seen


def test_every_layer_imports_only_what_it_may(imports):
    assert [str(i) for i in imports if breaks_layers(i)] == []


def test_each_vendor_library_has_one_importing_file(imports):
    broken = []
    for library, pattern in ONLY_IN.items():
        files = {i.file for i in imports if within(i.target, library)}
        emulators = EMULATED_BY.get(library, "")
        files = {file for file in files if not fnmatch.fnmatch(file, emulators)}
        broken += [
            f"{file} imports {library}" for file in files if not fnmatch.fnmatch(file, pattern)
        ]
        if len(files) > 1:
            broken.append(f"{library} is imported by {sorted(files)}, expected one file")
    assert broken == []


def test_robotd_never_imports_torch_or_the_policy_server(imports):
    forbidden = ("torch", "safetensors", "policy_server")
    broken = [
        str(i)
        for i in imports
        if within(i.module, "robotd") and any(within(i.target, name) for name in forbidden)
    ]
    assert broken == []


def test_what_only_tests_need_is_not_imported_by_the_product(imports):
    assert [str(i) for i in imports if i.target.split(".")[0] in FOR_TESTS_ALONE] == []


def test_nothing_of_the_arm_process_loads_what_would_cost_it_ticks(imports):
    modules = {i.module for i in imports if within(i.module, "robotd.servo")}
    for module in sorted(modules):
        loaded = loaded_by(module, imports)
        assert loaded.isdisjoint(NOT_IN_THE_ARM_PROCESS), module


def test_the_socket_code_loads_no_torch(imports):
    sockets = {i.module for i in imports if i.at_load and i.target.split(".")[0] == "zmq"}
    for module in sorted(sockets):
        assert "torch" not in loaded_by(module, imports), module


def test_only_the_gate_builds_a_setpoint():
    builders = set()
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if called.split(".")[-1] == "Setpoint":
                builders.add(str(path.relative_to(ROOT)))
    assert builders <= {"robotd/servo/gate.py"}


def test_nobody_imports_relatively(imports):
    assert [str(i) for i in imports if i.target.startswith("None.")] == []


@pytest.mark.parametrize(
    "module", ["robotd.servo.process", "robotd.proc", "robotd.core.arm_records"]
)
def test_a_fresh_interpreter_loads_none_of_it_either(module):
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} does not exist yet")
    line = f"import sys, {module}; print(sorted({set(NOT_IN_THE_ARM_PROCESS)} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", line], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("module", "line", "breaks"),
    [
        ("robotd.core.clock", "from robotd.servo import gate", True),
        ("robotd.core.clock", "from robotd.core import types", False),
        ("robotd.servo.gate", "from robotd.core.types import Plan", False),
        ("robotd.servo.gate", "import robotd.sim.arm", True),
        ("robotd.sim.camera", "from robotd.pipeline.observe import observe", True),
        ("robotd.modes.daemon.conductor", "from robotd.sim.world import World", True),
        ("robotd.modes.daemon.conductor", "from policy_server import server", True),
        ("robotd.modes.lockstep.evaluate", "from robotd.sim.world import World", False),
        ("policy_server.features", "from robotd.sim.pusht_geometry import score", False),
        ("policy_server.features", "from robotd.sim.world import World", True),
        ("policy_server.features", "from robotd.modes.lockstep.evaluate import Cell", True),
        ("policy_server.through_cell", "from robotd.modes.lockstep.evaluate import Cell", False),
        ("robotd.cli", "import policy_server", True),
        ("robotd.proc", "from robotd.hardware import camera_process", False),
        ("robotd", "from robotd.cli import main", True),
        ("robotd.core.clock", "def f():\n    import teleop", True),
    ],
)
def test_the_rule_itself_tells_right_from_wrong(module, line, breaks):
    found = read_imports(line, module, "made_up.py")
    assert any(breaks_layers(i) for i in found) is breaks


def test_imports_in_functions_and_for_types_are_not_loaded():
    source = (
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import torch\n"
        "def f():\n    import cv2\n"
        "try:\n    import zmq\nexcept ImportError:\n    pass\n"
    )
    at_load = {i.target for i in read_imports(source, "m", "m.py") if i.at_load}
    assert at_load == {"typing.TYPE_CHECKING", "zmq"}
