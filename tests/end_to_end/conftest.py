"""Cells of their own, real processes, and what is left of them at the end: nothing."""

import contextlib
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from robotd.core.janitor import remove_tree
from robotd.modes.options import MOCK_CELLS
from tests.end_to_end.cell_site import CHECKOUT, PATIENCE_S, Operator, Site, wait_for


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test here a second try, which the summary names.

    Real processes in real time stop, rightly, where a shared computer holds one of them up. The
    fault campaigns, whose every try counts, get none.
    """
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.flaky(reruns=1))


@contextlib.contextmanager
def _new_site(
    folder: Path, mock: str = "direct", model: str = "ur5", gap_fault_s: float = 0.5
) -> Iterator[Site]:
    """Yield a site; fails at its end where a process or a file of it is left, and removes both."""
    key = uuid.uuid4().hex[:8]
    text = (CHECKOUT / MOCK_CELLS[model]).read_text()
    text = re.sub(r"^name = .*$", f'name = "e2e-{key}"', text, flags=re.M)
    text = text.replace("[arm]\n", f"[arm]\ngap_fault_s = {gap_fault_s}\n", 1)
    text = text.replace("max_orders_age_s = 0.5", "max_orders_age_s = 1.0", 1)
    # From the middle of the board, over which the arm stands at first.
    text = text.replace("[task]\n", "[task]\nstart_xy_px = [256.0, 256.0]\n", 1)
    # Pictures of a quarter of the size: several cells run at a time.
    text = text.replace("width_px = 640", "width_px = 320").replace("= 480", "= 240")
    config = folder / f"cell-{key}.toml"
    config.write_text(text)
    site = Site(config, Path(f"/dev/shm/robotd-e2e-{key}"), f"e2e-{key}", mock)
    try:
        yield site
        for process in site.started:
            process.terminate()
        for process in site.started:
            process.wait(PATIENCE_S)
        site.assert_nothing_is_left()
    finally:
        for process in [*site.processes(), *site.started]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        for process in site.started:
            process.communicate()
        remove_tree(str(site.base))


@pytest.fixture(params=["ur5", "ur5e"])
def driven_site(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    """A cell of this test alone whose devices are emulated below the real drivers."""
    for module in ("rtde_receive", "pyrealsense2", "pyspacemouse"):
        pytest.importorskip(module)
    with _new_site(tmp_path, "drivers", request.param) as site:
        yield site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A cell of this test alone."""
    with _new_site(tmp_path) as site:
        yield site


@pytest.fixture(scope="session")
def daemon_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A cell whose daemon runs, started as a person would: starting takes seconds, so it is shared.

    The tests leave it DISARMED.
    """
    with _new_site(tmp_path_factory.mktemp("cell")) as site:
        up = site.robotd("up")
        control = site.run_dir / "control"
        wait_for("the daemon", lambda: control.exists() or up.poll() is not None)
        yield site


@pytest.fixture
def daemon(daemon_site: Site) -> Iterator[Operator]:
    """A client of the shared daemon."""
    operator = Operator(daemon_site.run_dir)
    operator.until("the arm", lambda s: s.arm is not None)
    operator.disarm()
    yield operator
    operator.close()


@pytest.fixture
def endpoint(site: Site, tmp_path: Path) -> str:
    """The address of a server that keeps the tool moving, a process of its own."""
    address = f"ipc://{tmp_path}/policy"
    server = site.start("tests/end_to_end/moving_server.py", address)
    assert server.stdout.readline() == "ready\n"
    return address
