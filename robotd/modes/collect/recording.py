"""The episodes of a collecting session: begun, ended, dropped and taken back by the recorder."""

from dataclasses import dataclass, replace

from robotd.core.clock import MonoNs, ns_to_seconds
from robotd.core.journal import Label
from robotd.core.process_names import RECORDER, TELEOP, WORLD, camera_of
from robotd.modes.collect.account import Account, Ended
from robotd.modes.collect.messages import OpenStatus
from robotd.modes.daemon.scribe import Scribe
from teleop.session_table import Event


@dataclass(frozen=True, slots=True)
class Heard:
    """What the recorder answered, for the session."""

    event: Event
    episode: str = ""
    reason: str = ""


class Recording:
    """Orders of one session to the recorder, and its answers.

    Attributes:
        account: What became of the episodes.
        episode: The open one; empty where there is none.
    """

    def __init__(self, scribe: Scribe) -> None:
        self._scribe = scribe
        self._begun_ns = MonoNs(0)
        self._closing: Ended | None = None
        self._lost: Ended | None = None
        self._moves: dict[int, tuple[str, bool]] = {}
        self._to_drop: set[str] = set()
        self._begun = False
        self.account = Account()
        self.episode = ""

    def begin(self, about: dict[str, str], now: MonoNs) -> None:
        """Begin an episode.

        Raises:
            SupervisorError: The recorder is not ready; one sentence.
        """
        self.episode = self._scribe.begin("collect", about, now)
        self._begun_ns, self._begun = now, False

    def elapsed_s(self, now: MonoNs) -> float:
        """Return how long the open episode is [s]; 0 where there is none."""
        return ns_to_seconds(now - self._begun_ns) if self.episode else 0.0

    def status(self, now: MonoNs, max_episode_s: float, score: float) -> OpenStatus:
        """Return the open episode for clients."""
        return OpenStatus(
            episode=self.episode,
            elapsed_s=self.elapsed_s(now),
            max_episode_s=max_episode_s,
            score=score,
        )

    def end(
        self,
        outcome: str,
        *,
        score: float,
        now: MonoNs,
        reason: str = "",
        label: Label = "",
        keep: bool = True,
        whole: bool = True,
    ) -> Heard | None:
        """End the open episode; return the answer where it is known at once.

        One that the recorder has lost is completed by the next one, and kept; dropped thereafter
        where that was wanted. One that it refused to begin there never was.

        Args:
            outcome: Why it ends.
            score: Its score; -1 where there is none.
            now: The present.
            reason: The sentence that goes with the outcome.
            label: What is said of it.
            keep: False: to the trash.
            whole: The person, the operator or the task ended it; else it was interrupted.
        """
        if not self.episode:
            return None
        ended = Ended(
            episode=self.episode,
            outcome=outcome,
            reason=reason,
            label=label,
            score=score,
            length_s=self.elapsed_s(now),
            keep=keep,
            whole=whole,
        )
        self.episode = ""
        self._to_drop |= set() if keep else {ended.episode}
        if self._scribe.episode == ended.episode:
            self._to_drop.discard(ended.episode)  # the recorder does so itself
            self._scribe.end(outcome, reason=reason, label=label, score=score, keep=keep, now=now)
        elif self._held(ended.episode):  # ended for the recorder's sake, unlabelled
            ended = replace(ended, outcome="stopped", label="", score=-1.0, keep=True, whole=False)
        else:
            if self._begun:
                self._lost = replace(ended, label="", score=-1.0, whole=False)
                self.account.lost(replace(ended, whole=False))
            return Heard(Event.REFUSED, reason=self._scribe.problem or reason)
        self._closing = ended
        return None

    def interrupt(self, reason: str, *, score: float, now: MonoNs) -> Heard | None:
        """End the open episode because the arm was paused, and keep it."""
        name = reason.partition(":")[0]
        died = name in (TELEOP, WORLD, RECORDER) or camera_of(name) is not None
        outcome = f"{name} lost" if died else "paused"
        return self.end(outcome, reason=reason, score=score, whole=False, now=now)

    def _held(self, episode: str) -> bool:
        """Whether the recorder completes an episode, or has completed it."""
        status = self._scribe.status
        done = status is not None and status.committed == episode
        return done or self._scribe.ended == episode

    def drop(self, episode: str) -> None:
        """Move a complete episode to the trash."""
        self._moves[self._scribe.drop(episode)] = (episode, True)
        self.account.drop(episode)

    def restore(self, episode: str) -> None:
        """Bring an episode back from the trash."""
        self._moves[self._scribe.restore(episode)] = (episode, False)
        self.account.restore(episode)

    def look(self) -> list[Heard]:
        """Return what the recorder has answered since the last call."""
        self._begun |= self._scribe.begun and self._scribe.episode == self.episode
        return [*self._ending(), *self._moved()]

    def _ending(self) -> list[Heard]:
        status, closing, lost = self._scribe.status, self._closing, self._lost
        if lost is not None and status is not None and lost.episode in status.recovered:
            self._lost = None
            self.account.tries_n -= 1  # it was counted when it was lost
            self._saved(replace(lost, keep=True))
        if closing is None:
            return []
        if status is not None and status.committed == closing.episode:
            self._closing = None
            self._saved(closing)
            return [Heard(Event.COMMITTED, closing.episode)]
        if self._scribe.ended == closing.episode:
            return []
        self._closing, self._lost = None, closing
        self.account.lost(closing)
        reason = self._scribe.problem or f"recorder: could not complete {closing.episode}"
        return [Heard(Event.REFUSED, closing.episode, reason)]

    def _saved(self, ended: Ended) -> None:
        """Count an episode that is complete, as it is in the data set, and drop it where wanted."""
        self.account.saved(ended)
        if ended.episode in self._to_drop:
            self._to_drop.discard(ended.episode)
            self.drop(ended.episode)

    def _moved(self) -> list[Heard]:
        heard: list[Heard] = []
        for number, (episode, dropped) in list(self._moves.items()):
            refusal = self._scribe.answer(number)
            if refusal is None:
                continue
            del self._moves[number]
            if refusal and dropped:
                self.account.restore(episode)
            elif refusal:
                self.account.drop(episode)
            if refusal:
                heard.append(Heard(Event.REFUSED, episode, refusal))
        return heard
