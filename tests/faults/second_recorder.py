"""Two recorders on one data set: the second is refused, in one line."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from robotd.episodes.dataset import episodes, open_episodes
from robotd.episodes.verify import verify
from tests.end_to_end.cell_site import wait_for
from tests.faults.cell import FaultCell
from tests.faults.injection import Injection

ROW: Final = "second recorder"
REFUSED_S: Final = 90.0


def second(first: FaultCell, folder: Path, *, seed: int) -> Iterator[Injection]:
    """Collect into the data set of a cell that is recording, by a cell of one's own."""
    episode = first.record()
    with FaultCell(folder, dataset=first.dataset) as cell:
        begun = time.monotonic()
        collect = cell.command(
            "collect", "--operator=pusher", "--episodes=1", f"--dataset={first.dataset}"
        )
        code = collect.wait(REFUSED_S)
        refused_s = time.monotonic() - begun
        said = [line for line in cell.said() if line.startswith("robotd: ")]
    failures = []
    if code != 1:
        failures.append(f"exit code {code}, expected 1")
    if len(said) != 1 or "records into it" not in said[0]:
        failures.append(f"it said {said}, expected one line that names the other recorder")
    status = first.operator.status()
    if status.state != "RUNNING" or status.dataset != str(first.dataset):
        failures.append(f"the first one was disturbed: {status.state}, {status.reason}")
    first.operator.control.call("stop")  # its operator may have come to its goal and begun anew
    first.operator.until_state("DISARMED")
    wait_for("its episodes", lambda: not open_episodes(first.dataset))
    kept = episodes(first.dataset)
    if episode not in kept or any(verify(first.dataset / name).health != "ok" for name in kept):
        failures.append(f"the first one's episode was disturbed: {kept}")
    yield Injection(
        row=ROW,
        number=0,
        seed=seed,
        measures={"refused_s": refused_s},
        failures=tuple(failures),
    )
