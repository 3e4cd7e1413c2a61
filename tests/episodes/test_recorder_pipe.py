"""What the recorder may say to be safe: nothing that still waits, nothing that comes late."""

import pytest

from robotd.core.clock import MS, FakeClock, MonoNs, S
from robotd.episodes import topics
from robotd.episodes.recorder.collect import SEEN_NS, SETTLE_NS, Collector, Places
from robotd.episodes.recorder.pipe import Pipe
from robotd.episodes.recorder.streams import Outgoing
from tests.episodes.recorder_site import Site

BEGIN = 10 * S


@pytest.fixture
def site(tmp_path):
    with Site(tmp_path) as site:
        yield site


@pytest.fixture
def collector(site):
    places = Places(site.cell, site.run_dir)
    places.keep(FakeClock(MonoNs(BEGIN - S)))
    collector = Collector(places, MonoNs(BEGIN), journal_index=-1)
    yield collector
    collector.close()
    places.close()


def seen_upto(collector, now):
    collector.read(MonoNs(now))
    return collector.seen_upto_ns(MonoNs(now))


def test_a_stream_that_lives_is_seen_up_to_its_newest(site, collector):
    now = BEGIN + S
    site.tick(now - SEEN_NS - MS)  # held up since: the next one may be of any later instant
    assert seen_upto(collector, now) == now - SEEN_NS - MS

    site.tick(now - SEEN_NS + MS)
    assert seen_upto(collector, now) == now - SEEN_NS


def test_a_stream_that_ended_holds_nothing_up(site, collector):
    site.tick(BEGIN)
    assert seen_upto(collector, BEGIN + SETTLE_NS - 1) == BEGIN
    assert seen_upto(collector, BEGIN + SETTLE_NS) == BEGIN + SETTLE_NS - SEEN_NS


def test_what_waits_for_the_writer_is_not_said_to_be_safe(site, collector):
    now = BEGIN + S
    pipe = Pipe(site.cell, collector, FakeClock(MonoNs(now)))
    pipe._read_once(MonoNs(now))
    assert pipe.complete_upto_ns() == now - SEEN_NS

    waiting_ns = MonoNs(now - SEEN_NS - MS)
    tick = Outgoing(topic=topics.ARM, t_log_ns=waiting_ns, t_publish_ns=waiting_ns, item=None)
    assert pipe.out.offer(tick, waiting_ns, 100, MonoNs(now))
    assert pipe.complete_upto_ns() == waiting_ns - 1
