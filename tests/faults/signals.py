"""SIGTERM, and Ctrl-C twice, while an episode is being recorded."""

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Final

from robotd.core.clock import S
from robotd.core.run_files import ARM_RING
from robotd.episodes.dataset import episodes, open_episodes
from robotd.episodes.verify import verify
from tests.end_to_end.cell_site import wait_for
from tests.faults.account import read_held, rest_after, tick_loss
from tests.faults.cell import FaultCell
from tests.faults.injection import Injection
from tests.faults.witness import Witness

CASES: Final = {
    "SIGTERM to the client": ("client", (signal.SIGTERM,)),
    "Ctrl-C twice in the client": ("client", (signal.SIGINT, signal.SIGINT)),
    "SIGTERM to the daemon": ("daemon", (signal.SIGTERM,)),
    "Ctrl-C twice in the daemon": ("daemon", (signal.SIGINT, signal.SIGINT)),
}
EXIT_CODES: Final = {"client": {0, 130}, "daemon": {0}}
EXIT_S: Final = 15.0


def row_of(case: str) -> str:
    """Return the name of a case's row."""
    return f"signal {case}"


def signalled(folder: Path, case: str, *, count: int, seed: int) -> Iterator[Injection]:
    """Send the signals of a case, in a cell of its own each time."""
    for number in range(count):
        where = folder / f"{case.replace(' ', '-')}-{number}"
        measures, failures = _once(where, *CASES[case], Random(seed + number))
        yield Injection(
            row=row_of(case),
            number=number,
            seed=seed + number,
            measures=measures,
            failures=tuple(failures),
        )


def _once(folder, whom, numbers, random) -> tuple[dict[str, float], list[str]]:
    with FaultCell(folder) as cell, ExitStack() as stack:
        if whom == "daemon":
            cell.up()
            process = cell.daemon
        else:
            words = ("--operator=pusher", "--episodes=5", f"--dataset={cell.dataset}")
            process = cell.command("collect", *words)
            stack.callback(process.wait)
            stack.callback(process.kill)
            wait_for("the arm", lambda: (cell.run_dir / ARM_RING).exists(), limit_s=30.0)
        with Witness(cell.run_dir, cell.cameras) as witness:
            if whom == "daemon":
                episode = cell.record()
            else:
                found = [""]

                def recording() -> bool:
                    found[0] = next((s.episode for s in witness.recorder if s.t_first_ns), "")
                    return bool(found[0]) or process.poll() is not None

                wait_for("an episode", recording, limit_s=60.0)
                assert process.poll() is None, cell.said()[-3:]
                episode = found[0]
            time.sleep(random.uniform(0.3, 2.0))
            fault_ns = time.monotonic_ns()
            for n, number in enumerate(numbers):
                time.sleep(random.uniform(0.05, 0.3) if n else 0.0)
                process.send_signal(number)
            code = process.wait(EXIT_S)
            exit_s = (time.monotonic_ns() - fault_ns) / S
            if whom == "daemon":
                cell.drop_client()
            wait_for("the processes' end", lambda: not cell.run_dir.exists())
        return _judge(cell, whom, episode, fault_ns, witness, code, exit_s)


def _judge(cell, whom, episode, fault_ns, witness, code, exit_s):
    measures, failures = {"exit_s": exit_s}, []
    begin_ns = witness.begins[episode]
    seen = witness.ticks_between(begin_ns, time.monotonic_ns())
    rest = rest_after(seen, fault_ns)
    failures += rest.failures
    if rest.react_ms is not None and rest.still_ms is not None:
        measures |= {"react_ms": rest.react_ms, "still_ms": rest.still_ms}
    if code not in EXIT_CODES[whom]:
        failures.append(f"exit code {code}; it said {cell.said()[-1:]}")
    if complaints := [line for line in cell.said() if line.startswith(("robotd: ", "Traceback"))]:
        failures.append(f"it complained: {complaints}")
    if episode not in episodes(cell.dataset) or open_episodes(cell.dataset):
        return measures, [
            *failures,
            f"the episode was not completed: {open_episodes(cell.dataset)}",
        ]
    held = read_held(cell.dataset / episode)
    end = witness.ends.get(episode)
    lost = tick_loss(seen, held, fault_ns if end is None else end.t_ns)
    measures["lost_ticks_n"] = lost.holes_n + lost.tail_n
    health = verify(cell.dataset / episode, deep=True)
    if health.health != "ok" or held.status != "complete":
        failures.append(f"verify says {health.health} ({held.status}): {health.reasons}")
    return measures, failures
