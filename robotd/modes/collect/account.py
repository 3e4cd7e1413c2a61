"""What became of the episodes of a collecting session: counted here, shown by clients. Pure."""

from dataclasses import dataclass, field, replace

from robotd.core.journal import Label
from robotd.modes.collect.messages import CountsStatus, LastStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """An episode that was ended.

    Attributes:
        episode: Its name; empty where there is none.
        outcome: Why it ended.
        reason: The sentence that goes with it.
        label: What the person or the task said of it.
        score: Its score; -1 where there is none.
        length_s: How long it was [s].
        keep: False: it goes to the trash.
        whole: The person, the operator or the task ended it; else it was interrupted.
        saved: Whether it is complete in the data set, or recovered by the next recorder.
    """

    episode: str = ""
    outcome: str = ""
    reason: str = ""
    label: Label = ""
    score: float = -1.0
    length_s: float = 0.0
    keep: bool = True
    whole: bool = True
    saved: bool = False

    def status(self) -> LastStatus:
        """Return it for clients."""
        return LastStatus(**{name: getattr(self, name) for name in LastStatus.__struct_fields__})


@dataclass(slots=True)
class Account:
    """Which episodes are kept, under which label, and which were dropped.

    Attributes:
        last: The one that ended last.
        tries_n: Episodes that ended, kept or not.
    """

    last: Ended = field(default_factory=Ended)
    tries_n: int = 0
    _kept: dict[str, Label] = field(default_factory=dict[str, Label])
    _dropped: dict[str, Label] = field(default_factory=dict[str, Label])
    _interrupted: set[str] = field(default_factory=set[str])

    def saved(self, ended: Ended) -> None:
        """Count an episode that is complete."""
        self.tries_n += 1
        (self._kept if ended.keep else self._dropped)[ended.episode] = ended.label
        if not ended.whole:
            self._interrupted.add(ended.episode)
        self.last = replace(ended, saved=True)

    def lost(self, ended: Ended) -> None:
        """Note an episode that could not be completed."""
        self.tries_n += 1
        self.last = ended

    def drop(self, episode: str) -> None:
        """Count it as dropped."""
        if episode in self._kept:
            self._dropped[episode] = self._kept.pop(episode)

    def restore(self, episode: str) -> None:
        """Count it as kept again."""
        if episode in self._dropped:
            self._kept[episode] = self._dropped.pop(episode)

    @property
    def kept_n(self) -> int:
        """Kept ones, whatever their label."""
        return len(self._kept)

    @property
    def dropped_n(self) -> int:
        """Those in the trash."""
        return len(self._dropped)

    def labelled_n(self, label: Label) -> int:
        """Kept ones under a label."""
        return sum(found == label for found in self._kept.values())

    def status(self, *, failures: bool) -> CountsStatus:
        """Return the counts for clients; whether failures count in the wanted number."""
        return CountsStatus(
            tries_n=self.tries_n,
            kept_n=self.kept_n,
            counted_n=self.counted_n(failures=failures),
            success_n=self.labelled_n("success"),
            failure_n=self.labelled_n("failure"),
            dropped_n=self.dropped_n,
        )

    def counted_n(self, *, failures: bool) -> int:
        """Kept ones that a wanted number counts: whole ones, failures only where asked for."""
        return sum(
            failures or label != "failure"
            for episode, label in self._kept.items()
            if episode not in self._interrupted
        )
