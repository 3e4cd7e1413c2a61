"""From the rings to the file of one episode: a thread that reads, one that encodes each camera.

The thread that writes takes from `out`. Nobody outside waits for any of them: what does not fit
into a queue is left out and counted. Video gives way to all else.
"""

import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from robotd.core.clock import MonoNs, seconds_to_ns
from robotd.core.config import CellConfig
from robotd.core.errors import RobotdError
from robotd.core.protocols import Clock
from robotd.core.types import Frame
from robotd.episodes import topics
from robotd.episodes.items import FrameTimes, Gap, Picture
from robotd.episodes.recorder.collect import Collected, Collector
from robotd.episodes.recorder.follow import Arrival
from robotd.episodes.recorder.gaps import GapLedger
from robotd.episodes.recorder.queue import BoundedQueue
from robotd.episodes.recorder.streams import Outgoing, Shot, of_gap
from robotd.episodes.video import Encoder, make_encoder

POLL_S: Final = 0.01
"""How often the rings are read [s]."""

FRAMES_SHARE: Final = 0.8
"""Pictures are left out when those that wait are so old, as a share of what stops the arm: video
gives way before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much may wait in memory.

    Attributes:
        frames_bytes: Pictures of one camera that wait for their encoder.
        out_bytes: Messages that wait for the disk; encoded pictures get half of it.
    """

    frames_bytes: int = 128 << 20
    out_bytes: int = 64 << 20


LIMITS: Final = Limits()
"""128 MiB are 4.6 s of 640 x 480 at 30 a second."""


class Pipe:
    """All threads of an episode but its writer's.

    Attributes:
        out: What is to be written.
        problem: Why it cannot go on, one sentence; empty while it can.
        t_first_ns: The first instant of it; 0 before.
    """

    def __init__(
        self, cell: CellConfig, collector: Collector, clock: Clock, limits: Limits = LIMITS
    ) -> None:
        """Make the queues and encoders; nothing runs yet.

        Raises:
            ValueError: A camera's pictures cannot be encoded as configured.
        """
        self.out = BoundedQueue[Outgoing](limits.out_bytes)
        self._video_bytes = limits.out_bytes // 2
        self.problem = ""
        self.t_first_ns = 0
        self._record, self._collector, self._clock = cell.record, collector, clock
        give_way_s = FRAMES_SHARE * cell.record.max_behind_s
        self._give_way_ns = seconds_to_ns(give_way_s)
        self._ledger = GapLedger()
        self._frames = {
            name: BoundedQueue[Arrival[Frame]](limits.frames_bytes, give_way_s)
            for name in cell.cameras
        }
        self._encoders = {
            name: make_encoder(
                cell.record.codec,
                width_px=camera.width_px,
                height_px=camera.height_px,
                fps=camera.rate_hz,
                crf=cell.record.crf,
                preset=cell.record.preset,
                jpeg_quality=cell.record.jpeg_quality,
            )
            for name, camera in cell.cameras.items()
        }
        self._read_upto_ns = MonoNs(0)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._encoding = [
            threading.Thread(target=self._encode_all, args=(name,), name=f"encode {name}")
            for name in cell.cameras
        ]
        self._reading = threading.Thread(target=self._read_all, name="read episode")

    def start(self) -> None:
        """Begin to read and to encode."""
        for thread in (self._reading, *self._encoding):
            thread.daemon = True
            thread.start()

    def end(self, t_ns: MonoNs, journal_index: int | None) -> None:
        """Take nothing of after `t_ns`, nor notes behind `journal_index`, then close `out`."""
        self._collector.end(t_ns, journal_index)

    def fail(self, problem: str) -> None:
        """Say why the episode cannot go on; the first word counts."""
        with self._lock:
            self.problem = self.problem or problem

    def cut(self) -> None:
        """Forget all that waits and let nothing more in: the file takes no more."""
        self._stop.set()
        for queue in (*self._frames.values(), self.out):
            queue.close(discard=True)

    @property
    def n_bytes(self) -> int:
        """What waits in memory [bytes]."""
        return sum(queue.n_bytes for queue in (*self._frames.values(), self.out))

    @property
    def lost(self) -> dict[str, int]:
        """Topic to items lost so far."""
        with self._lock:
            return dict(self._ledger.lost)

    def waiting_since_ns(self) -> MonoNs | None:
        """Return the instant of the oldest item that waits; None where none does."""
        oldest = (queue.oldest_ns for queue in (*self._frames.values(), self.out))
        return min((t_ns for t_ns in oldest if t_ns is not None), default=None)

    def complete_upto_ns(self) -> int:
        """Return up to when all that was done has been handed to the writer."""
        read_ns, waiting_ns = self._read_upto_ns, self.waiting_since_ns()
        return max(0, read_ns if waiting_ns is None else min(read_ns, waiting_ns - 1))

    def _read_all(self) -> None:
        try:
            with closing(self._collector):
                self._read_to_the_end()
        finally:
            for queue in self._frames.values():
                queue.close()
            for thread in self._encoding:
                thread.join()
            with self._lock:
                rest = self._ledger.rest()
            self._tell(rest)
            self.out.close()

    def _read_to_the_end(self) -> None:
        done = False
        try:
            while not (done or self._stop.is_set()):
                done = self._read_once(self._clock.now())
                if not done:
                    self._stop.wait(POLL_S)
        except (RobotdError, OSError) as error:
            self.fail(f"reading the rings failed: {error}")
        finally:
            if not done:
                self._give_up()

    def _give_up(self) -> None:
        """Count what comes until the end of the episode, now that nothing can be read any more."""
        self.fail("reading the rings ended too early; see the recorder's log")
        while not (self._collector.ended or self._stop.wait(POLL_S)):
            pass
        if not self._stop.is_set():
            self._hand_on(self._collector.give_up(self._clock.now(), self.problem))

    def _read_once(self, now: MonoNs) -> bool:
        """Hand on what came; return whether that was all."""
        self._hand_on(self._collector.read(now))
        self._read_upto_ns = self._collector.seen_upto_ns(now)
        return self._collector.complete(now)

    def _hand_on(self, found: Collected) -> None:
        now = self._clock.now()
        with self._lock:
            for gap in found.gaps:
                self._ledger.add(gap)
        for kept in found.messages:
            message = kept.message
            if self.out.offer(message, MonoNs(message.t_log_ns), kept.n_bytes, now):
                self._kept(message.topic, message.t_log_ns)
            else:
                self._dropped(message.topic, message.t_log_ns, "the disk is too slow")
        for seen in found.frames:
            frame, topic = seen.frame, topics.camera_topic(seen.camera)
            if self._frames[seen.camera].offer(frame, frame.t_ns, frame.n_bytes, now):
                self._kept(topic, frame.t_ns)
            else:
                self._dropped(topic, frame.t_ns, "the encoder or the disk is too slow")

    def _kept(self, stream: str, t_ns: int) -> None:
        self.t_first_ns = min(self.t_first_ns, t_ns) if self.t_first_ns else t_ns
        with self._lock:
            gap = self._ledger.passed(stream, t_ns)
        if gap is not None:
            self._tell([gap])

    def _dropped(self, stream: str, t_ns: int, reason: str) -> None:
        with self._lock:
            self._ledger.drop(stream, t_ns, self.problem or reason)

    def _tell(self, gaps: Sequence[Gap]) -> None:
        t_ns = self._collector.last_ns(self._clock.now())
        for gap in gaps:
            self.out.force(of_gap(gap, t_ns), t_ns)

    def _encode_all(self, camera: str) -> None:
        frames, encoder = self._frames[camera], self._encoders[camera]
        busy: Arrival[Frame] | None = None
        try:
            while not frames.drained:
                busy = frames.take(POLL_S)
                if busy is None:
                    continue
                if self._gives_way(busy.t_ns):
                    self._dropped(topics.camera_topic(camera), busy.t_ns, "the encoder is too slow")
                else:
                    self._encode(camera, encoder, busy)
                busy = None
        except (RobotdError, OSError, ValueError) as error:
            self.fail(f"camera {camera}: a picture cannot be encoded: {error}")
        finally:
            lost = [] if busy is None else [busy]
            lost += frames.close(discard=True)
            if lost:
                self.fail(f"camera {camera}: encoding ended too early; see the recorder's log")
            for each in lost:
                self._dropped(topics.camera_topic(camera), each.t_ns, self.problem)

    def _gives_way(self, t_ns: MonoNs) -> bool:
        """Whether a picture has waited so long that it would soon stop the arm, which still moves.

        To let no more in is not enough: those that wait would grow older yet.
        """
        age_ns = self._clock.now() - t_ns
        return not self._collector.ended and age_ns > self._give_way_ns

    def _encode(self, camera: str, encoder: Encoder, arrival: Arrival[Frame]) -> None:
        frame = arrival.item
        data, key = encoder.encode(frame.rgb)
        picture = Picture(
            t_capture_ns=frame.t_ns, camera=camera, data=data, codec=self._record.codec
        )
        times = FrameTimes(
            t_capture_ns=frame.t_ns,
            t_arrival_ns=frame.t_arrival_ns,
            t_device_ns=frame.t_device_ns,
            ring_index=arrival.index,
            key=key,
            frame_number=frame.frame_number,
        )
        message = Outgoing(
            topic=topics.camera_topic(camera),
            t_log_ns=arrival.t_ns,
            t_publish_ns=frame.t_ns,
            item=Shot(picture, times),
        )
        self.out.put(message, arrival.t_ns, len(data), self._video_bytes)
