"""One client drives, for as long as it is heard."""

import pytest

from robotd.core.clock import MS, MonoNs
from robotd.core.errors import SupervisorError
from robotd.modes.daemon.lease import SILENT_NS, Lease


def test_everybody_may_ask_while_nobody_drives():
    Lease().check("run-1", "arm")


def test_only_the_owner_drives_and_the_refusal_names_who():
    lease = Lease()
    lease.take("run-1", MonoNs(0))

    lease.check("run-1", "start")
    with pytest.raises(SupervisorError, match="start: refused, run-1 drives this cell"):
        lease.check("run-2", "start")


def test_an_owner_is_gone_just_after_the_limit_and_not_before():
    lease = Lease()
    lease.take("run-1", MonoNs(5 * MS))

    assert not lease.silent(MonoNs(5 * MS + SILENT_NS))
    assert lease.silent(MonoNs(5 * MS + SILENT_NS + 1))


def test_only_the_owners_words_are_signs_of_its_life():
    lease = Lease()
    lease.take("run-1", MonoNs(0))

    lease.heard("run-2", MonoNs(SILENT_NS))
    assert lease.silent(MonoNs(SILENT_NS + 1))
    lease.heard("run-1", MonoNs(SILENT_NS))
    assert not lease.silent(MonoNs(2 * SILENT_NS))


def test_nobody_is_silent_after_the_release():
    lease = Lease()
    lease.take("run-1", MonoNs(0))
    lease.release()

    assert not lease.silent(MonoNs(10 * SILENT_NS))
    lease.check("run-2", "arm")
