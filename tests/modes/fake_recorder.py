"""A recorder as the journal's reader sees it: obeys at once, writes no file, fails as told."""

from robotd.core.journal import BeginEpisode, EndEpisode, OpenDataset, Order, unpack_note
from robotd.core.recorder_status import RECORDER_STATUS_BYTES, RecorderStatus, pack_recorder_status
from robotd.core.ring import RingReader, RingWriter
from robotd.core.run_files import JOURNAL, RECORDER_RING


class FakeRecorder:
    """A test changes its attributes, and looks at what it was told."""

    def __init__(self, run_dir):
        self._journal = RingReader(run_dir / JOURNAL)
        self._index = -1
        self._ring = RingWriter.create(run_dir / RECORDER_RING, RECORDER_STATUS_BYTES, 64)
        self.pid = 500
        self.silent = False
        self.deaf = False
        self.refusals = {}  # type of order to a sentence
        self.completes = True
        self.problem = ""
        self.orders, self.notes = [], []
        self._obeyed, self._refusal = 0, ""
        self.dataset = self.episode = self.committed = ""

    def read(self):
        """Take in the journal."""
        backlog = self._journal.since(self._index)
        assert backlog.lost_n == 0
        fresh = []
        for record in backlog.records:
            self._index = record.index
            note = unpack_note(record.payload)
            (fresh if isinstance(note, Order) else self.notes).append(note)
        self.orders += fresh
        return fresh

    def cycle(self, now):
        """Obey and publish."""
        fresh = self.read()
        if self.silent:
            return
        for order in [] if self.deaf else fresh:
            self._obey(order)
            self._publish(now)
        if not fresh:
            self._publish(now)

    def _obey(self, order):
        self._obeyed, self._refusal = order.number, self.refusals.get(type(order), "")
        if self._refusal:
            return
        if isinstance(order, OpenDataset):
            self.dataset = order.dataset
        elif isinstance(order, BeginEpisode):
            self.episode = order.episode
        elif isinstance(order, EndEpisode):
            self.episode, self.problem = "", ""
            if self.completes:
                self.committed = order.episode

    def _publish(self, now):
        status = RecorderStatus(
            t_ns=now,
            pid=self.pid,
            obeyed=self._obeyed,
            refusal=self._refusal,
            dataset=self.dataset,
            episode=self.episode,
            committed=self.committed,
            problem=self.problem,
        )
        self._ring.write(pack_recorder_status(status))

    def start_again(self):
        """Be a new process, which knows nothing and begins at the journal's end."""
        self.read()
        self.pid += 1
        self._obeyed, self._refusal = 0, ""
        self.dataset = self.episode = self.committed = ""

    def of(self, kind):
        """All orders and notes of a type, oldest first."""
        return [each for each in (*self.orders, *self.notes) if isinstance(each, kind)]

    def close(self):
        self._journal.close()
        self._ring.close()
