"""Ends or fails a piece of work before each of its steps on the disk in turn; a script for tests.

A step is anything that Python's audit events tell of: a file opened, made, renamed, removed, a
folder made, rights changed. Each try runs in a child of its own. Prints one JSON line a try: what
the work did, and what a recovery afterwards found.

    python -m tests.episodes.crash_steps commit|recover kill|fail FOLDER
"""

import json
import os
import shutil
import sys
from pathlib import Path

from robotd.core.errors import DatasetError
from robotd.episodes.dataset import Dataset, episodes, open_episodes, quarantined
from robotd.episodes.episode_file import FILE_NAME, LOG_NAME, sha256_of
from robotd.episodes.recover import recover
from robotd.episodes.verify import verify
from tests.episodes.small_episode import describe, record, write_log

EARLIER, NEW = "20260101-000000-aaaa", "20260101-000001-bbbb"
STEPS = {"open", "os.rename", "os.remove", "os.mkdir", "os.chmod", "os.truncate", "os.utime"}
KILLED, UNTOUCHED = 9, 2
hit = []


def interrupt(step, how, folder):
    """Let the step of that number, and for `fail` that one alone, not happen."""
    count = -1

    def hook(event, args):
        nonlocal count
        if hit or event not in STEPS or not str(args[0]).startswith(str(folder)):
            return
        count += 1
        if count == step:
            hit.append(event)
            if how == "kill":
                os._exit(KILLED)
            raise OSError(28, "No space left on device")

    sys.addaudithook(hook)


def commit(dataset_path, step, how):
    with Dataset.open(dataset_path) as dataset:
        opened = dataset.create(NEW)
        log = write_log(opened.log_path, NEW)
        opened.beat()
        interrupt(step, how, dataset_path)
        opened.commit(describe(log, NEW))


def leave_a_cut_one(dataset_path):
    with Dataset.open(dataset_path) as dataset:
        opened = dataset.create(NEW)
        log = write_log(opened.log_path, NEW, finish=False)
        log.abandon()
        os.truncate(opened.log_path, opened.log_path.stat().st_size - 30)
        os.utime(opened.folder / ".alive", ns=(5, 1_500_000_000))


def recover_it(dataset_path, step, how):
    with Dataset.open(dataset_path) as dataset:
        interrupt(step, how, dataset_path)
        found = recover(dataset)
    if found.left:
        raise DatasetError(str(found.left))


def run(work, path, step, how):
    """Return how the work ended: `done`, `killed`, `refused`, or `untouched`: too few steps."""
    child = os.fork()
    if child == 0:
        try:
            work(path, step, how)
        except DatasetError:
            os._exit(1)
        os._exit(0 if hit else UNTOUCHED)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return {0: "done", 1: "refused", KILLED: "killed", UNTOUCHED: "untouched"}[code]


def main(what, how, top):
    path, spare = Path(top) / "D", Path(top) / "spare"
    with Dataset.open(spare) as dataset:
        record(dataset, EARLIER)
    if what == "recover":
        leave_a_cut_one(spare)
    work = commit if what == "commit" else recover_it
    for step in range(200):
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(spare, path)
        before = [sha256_of(path / EARLIER / name) for name in (FILE_NAME, LOG_NAME)]
        ended = run(work, path, step, how)
        with Dataset.open(path) as dataset:
            found = recover(dataset)
        after = [sha256_of(path / EARLIER / name) for name in (FILE_NAME, LOG_NAME)]
        told = {
            "ended": ended,
            "episodes": episodes(path),
            "open": open_episodes(path),
            "quarantined": quarantined(path),
            "recovered": list(found.recovered),
            "left": found.left,
            "health": verify(path / NEW, deep=True).health,
            "files": sorted(entry.name for entry in (path / NEW).iterdir()),
            "text": (path / NEW / FILE_NAME).read_text(),
            "earlier_same": before == after,
        }
        sys.stdout.write(json.dumps(told) + "\n")
        if ended == "untouched":
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
