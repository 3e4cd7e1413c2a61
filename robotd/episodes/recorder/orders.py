"""What each order of the conductor means for the recorder now; pure.

                  open                     begin
    (no data set) ────► data set, no episode ────► recording ──┐
                          ▲  │ drop, restore                   │ end, or the recorder itself
                          └──┘            ◄────────────────────┘ (the episode closes meanwhile)

Orders are carried out in their order, but an episode can begin while the one before it is still
being completed: a person who collects does not wait for a disk.
"""

from collections import deque
from dataclasses import dataclass

from robotd.core.journal import (
    BeginEpisode,
    DropEpisode,
    EndEpisode,
    OpenDataset,
    Order,
    RestoreEpisode,
)

MB = 1_000_000


def too_full(dataset: str, free_bytes: int, reserve_mb: float) -> str:
    """Return the sentence that refuses to record on a disk with too little room."""
    return (
        f"{dataset}: {megabytes(free_bytes / MB)} are free, an episode is not begun below "
        f"{megabytes(reserve_mb)}; make room, or lower record.reserve_mb"
    )


def megabytes(size_mb: float) -> str:
    """Return a size for people: 5000 MB, 0.5 MB."""
    return f"{size_mb:.0f} MB" if size_mb >= 10 else f"{size_mb:.1f} MB"


@dataclass(slots=True)
class _Given:
    order: Order
    refusal: str | None = None
    """None until it is done or refused."""


class OrderDesk:
    """Takes orders, says which is to be carried out now, and answers them in their order.

    Attributes:
        dataset: The data set that is held; empty while there is none.
        episode: The episode being recorded; empty while there is none.
        free_bytes: Room on the disk, as last looked at.
    """

    def __init__(self, reserve_mb: float) -> None:
        """Begin without a data set.

        Args:
            reserve_mb: No episode begins with less room on the disk than this [MB].
        """
        self.dataset = self.episode = ""
        self.free_bytes = 0
        self._reserve_mb = reserve_mb
        self._waiting: deque[_Given] = deque()
        self._unanswered: deque[_Given] = deque()
        self._busy: Order | None = None
        self._closing: set[str] = set()

    def take(self, order: Order) -> None:
        """Put an order at the end of the line."""
        given = _Given(order)
        self._waiting.append(given)
        self._unanswered.append(given)

    def next(self) -> Order | None:
        """Return the order to carry out now; None where there is none, or it has to wait.

        Whoever carries it out says `done`.
        """
        while self._waiting:
            given = self._waiting[0]
            if self._must_wait(given.order):
                return None
            self._waiting.popleft()
            refusal = self._why_not(given.order)
            if not refusal:
                self._begin(given.order)
                return given.order
            given.refusal = refusal
        return None

    def done(self, order: Order, refusal: str = "") -> None:
        """Note that an order was carried out, or why it could not be."""
        if order is self._busy:
            self._busy = None
        if isinstance(order, OpenDataset):
            self.dataset = "" if refusal else order.dataset
        elif isinstance(order, BeginEpisode) and refusal and self.episode == order.episode:
            self.episode = ""
        elif isinstance(order, EndEpisode):
            self._closing.discard(order.episode)
        for given in self._unanswered:
            if given.order is order:
                given.refusal = refusal

    def ends_itself(self, episode: str) -> None:
        """Note that the recorder ends the episode without an order; `closed` is to follow."""
        if self.episode == episode:
            self.episode = ""
        self._closing.add(episode)

    def closed(self, episode: str) -> None:
        """Note that an episode that ended by itself is complete, or lost."""
        self._closing.discard(episode)

    def answers(self) -> list[tuple[int, str]]:
        """Return number and refusal of the orders that are newly answered, in their order."""
        answered: list[tuple[int, str]] = []
        while self._unanswered and self._unanswered[0].refusal is not None:
            given = self._unanswered.popleft()
            answered.append((given.order.number, given.refusal or ""))
        return answered

    def _must_wait(self, order: Order) -> bool:
        match order:
            case BeginEpisode():
                return isinstance(self._busy, OpenDataset)
            case EndEpisode():
                return False
            case OpenDataset():
                return bool(self._busy or self._closing)
            case DropEpisode() | RestoreEpisode():
                return self._busy is not None or order.episode in self._closing

    def _why_not(self, order: Order) -> str:
        """Return why an order cannot be carried out, one sentence; empty where it can."""
        name = "" if isinstance(order, OpenDataset) else order.episode
        match order:
            case OpenDataset() if self.episode:
                return f"episode {self.episode} is being recorded: end it before another data set"
            case EndEpisode() if name != self.episode:
                if name in self._closing:
                    return f"episode {name} has ended by itself already; it is kept"
                return f"episode {name} is not being recorded: nothing to end"
            case DropEpisode() | RestoreEpisode() if name == self.episode:
                return f"episode {name} is being recorded: end it first"
            case BeginEpisode() | DropEpisode() | RestoreEpisode() if not self.dataset:
                return "no data set is open: open one first"
            case BeginEpisode() if self.episode:
                return f"episode {self.episode} is being recorded: end it before {name}"
            case BeginEpisode() if self.free_bytes < self._reserve_mb * MB:
                return too_full(self.dataset, self.free_bytes, self._reserve_mb)
            case _:
                return ""

    def _begin(self, order: Order) -> None:
        match order:
            case BeginEpisode():
                self.episode = order.episode
            case EndEpisode():
                self.episode = ""
                self._closing.add(order.episode)
            case OpenDataset() | DropEpisode() | RestoreEpisode():
                self._busy = order
