"""Damage done to a recorded episode, byte by byte: `verify` is to find all of it."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

from robotd.core.errors import DatasetError
from robotd.episodes.episode_file import FILE_NAME, LOG_NAME
from robotd.episodes.reader import Episode
from robotd.episodes.verify import verify
from tests.faults.injection import Injection

ROW: Final = "damage"
LOOKS_EVERY: Final = 100
"""One flip in so many is also shown to the reader, which has to bear it."""


class Patient:
    """A copy of an episode, beside one that stays whole."""

    def __init__(self, episode: Path, folder: Path) -> None:
        self.folder = folder / episode.name
        self._source = episode
        self.heal()

    def heal(self) -> None:
        """Make it whole again."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self._source, self.folder)
        for path in self.folder.iterdir():
            path.chmod(0o644)

    def found(self) -> bool:
        """Whether `verify` finds it damaged."""
        return verify(self.folder).health == "bad"

    def borne(self) -> bool:
        """Whether the reader reads it or refuses it, by its own error or none."""
        for check_hash in (True, False):
            try:
                episode = Episode(self.folder, check_hash=check_hash)
                for camera in episode.streams.cameras:
                    for _ in episode.frames(camera):
                        pass
            except DatasetError:
                continue
            if check_hash:
                return False
        return True


def sweep(patient: Patient, name: str, flips_n: int, seed: int) -> dict[str, float]:
    """Flip bits all over a file, one at a time; every byte where `flips_n` is enough for that."""
    random, path = Random(seed), patient.folder / name
    size = path.stat().st_size
    places = range(size) if flips_n >= size else sorted(random.sample(range(size), flips_n))
    missed_n = crashes_n = 0
    with path.open("r+b", buffering=0) as file:
        for number, place in enumerate(places):
            file.seek(place)
            [byte] = file.read(1)
            file.seek(place)
            file.write(bytes([byte ^ 1 << random.randrange(8)]))
            missed_n += not patient.found()
            if number % LOOKS_EVERY == 0:
                crashes_n += not patient.borne()
            file.seek(place)
            file.write(bytes([byte]))
    return {"flips_n": len(places), "missed_n": missed_n, "accepted_by_reader_n": crashes_n}


def truncations(patient: Patient, count: int, seed: int) -> dict[str, float]:
    """Cut files off at random places."""
    random, missed_n = Random(seed), 0
    for _ in range(count):
        path = patient.folder / random.choice((LOG_NAME, FILE_NAME))
        with path.open("r+b") as file:
            file.truncate(random.randrange(path.stat().st_size))
        missed_n += not (patient.found() and patient.borne())
        patient.heal()
    return {"truncations_n": count, "missed_n": missed_n}


def missing_files(patient: Patient) -> dict[str, float]:
    """Take each file away."""
    missed_n = 0
    for name in (LOG_NAME, FILE_NAME):
        (patient.folder / name).unlink()
        missed_n += not (patient.found() and patient.borne())
        patient.heal()
    return {"missing_n": 2, "missed_n": missed_n}


def damage(episode: Path, folder: Path, *, flips_n: int, seed: int) -> Iterator[Injection]:
    """Do all kinds of damage to a copy of an episode."""
    patient = Patient(episode, folder / "damaged")
    whole = Patient(episode, folder / "whole")
    results = [
        sweep(patient, LOG_NAME, flips_n, seed),
        sweep(patient, FILE_NAME, 1 << 20, seed),
        truncations(patient, max(10, flips_n // 100), seed),
        missing_files(patient),
    ]
    for number, measures in enumerate(results):
        yield Injection(row=ROW, number=number, seed=seed, measures=measures)
    usable = not patient.found() and not whole.found() and len(Episode(whole.folder).streams.ticks)
    failures = () if usable else ("an episode that was not damaged is not usable",)
    yield Injection(row=ROW, number=len(results), seed=seed, failures=failures)
