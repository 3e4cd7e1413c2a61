"""The world around one conductor on a fake clock: its processes, its arm and its clients."""

import contextlib
import time
from dataclasses import replace

import msgspec
import numpy as np
import zmq

from robotd.core.arm_codes import ArmFault, ArmPhase, PauseCause, Source
from robotd.core.arm_records import TICK_BYTES, pack_tick
from robotd.core.clock import FakeClock, MonoNs, S
from robotd.core.errors import SupervisorError
from robotd.core.mailbox import MailboxReader
from robotd.core.process_names import RECORDER
from robotd.core.ring import RingReader, RingWriter
from robotd.core.run_files import (
    ARM_RING,
    MAILBOX,
    WORLD_ORDERS,
    WORLD_RING,
    camera_ring,
    signal_ring,
)
from robotd.core.sample_records import pack_signal
from robotd.core.types import Signal
from robotd.core.world_state import WORLD_STATE_BYTES, pack_world_state, unpack_world_order
from robotd.modes.daemon.children import Children
from robotd.modes.daemon.conductor import CYCLE_NS, Conductor
from robotd.modes.daemon.control import endpoint_of
from robotd.modes.daemon.messages import ControlReply, ControlRequest
from robotd.servo.plan_track import pose_at
from tests.modes.fake_recorder import FakeRecorder


class FakeChild:
    def __init__(self, name, pid):
        self.name, self.pid, self.alive, self.ready = name, pid, True, True

    def died(self):
        return f"{self.name}: killed by SIGKILL"

    def wait_ready(self, timeout_s, stop=None):
        del timeout_s, stop

    def terminate(self, timeout_s):
        assert timeout_s > 0

    def send_kill(self):
        self.alive = False

    def ask_to_end(self):
        self.alive = False


class Client:
    """Speaks the control protocol while the test lets the daemon do its cycles."""

    def __init__(self, run_dir, name):
        self._name, self._id = name, 0
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.connect(endpoint_of(run_dir))
        self._decode = msgspec.msgpack.Decoder(ControlReply).decode

    def send(self, op, *, t_ns, **more):
        self._id += 1
        request = ControlRequest(id=self._id, client=self._name, op=op, t_ns=t_ns, **more)
        self.say(msgspec.msgpack.encode(request))

    def say(self, body):
        self._socket.send(body)

    def reply(self):
        return self._decode(self._socket.recv()) if self._socket.poll(0) else None

    def close(self):
        self._socket.close()
        self._context.term()


class Stage:
    """The world around one conductor. The arm obeys at once, and is where its plan wants it."""

    def __init__(self, cell, run_dir, make_tick, make_world):
        self.cell, self.run_dir = cell, run_dir
        self.clock = FakeClock(MonoNs(100 * S))
        self.children = {}
        children = Children(cell, run_dir, start=self._spawn)
        children.start()
        self.conductor = Conductor(cell=cell, run_dir=run_dir, clock=self.clock, children=children)
        self.close = contextlib.ExitStack()
        self.close.callback(self.conductor.close)
        self._arm = self.close.enter_context(RingWriter.create(run_dir / ARM_RING, TICK_BYTES, 64))
        self._world = self.close.enter_context(
            RingWriter.create(run_dir / WORLD_RING, WORLD_STATE_BYTES, 8)
        )
        self._block = self.close.enter_context(
            RingWriter.create(run_dir / signal_ring("block_pose"), 1024, 64)
        )
        self._pictures = [
            self.close.enter_context(RingWriter.create(run_dir / camera_ring(name), 64, 2))
            for name in cell.cameras
        ]
        self.recorder = FakeRecorder(run_dir)
        self.close.callback(self.recorder.close)
        self._mailbox = self.close.enter_context(MailboxReader(run_dir / MAILBOX))
        self._world_orders = self.close.enter_context(RingReader(run_dir / WORLD_ORDERS))
        self._make_tick, self._make_world = make_tick, make_world
        self._T = np.array(make_tick(0).T_base_cmd)
        self.silent, self.engages, self.camera, self.pictures = False, True, True, True
        self.fault, self.phase = ArmFault.NONE, None
        self.hold, self.state_with = PauseCause.NONE, {}
        self.clients = {}

    def _spawn(self, name, run, *, arguments, log_dir):
        del run, arguments, log_dir
        again = name == RECORDER and name in self.children
        self.children[name] = FakeChild(name, 100 + len(self.children))
        if again:
            self.recorder.start_again()
        return self.children[name]

    def client(self, name="me"):
        if name not in self.clients:
            self.clients[name] = Client(self.run_dir, name)
            self.close.callback(self.clients[name].close)
        return self.clients[name]

    @property
    def orders(self):
        return self._mailbox.read()

    def cycle(self, times=1):
        """Let the cell and the daemon go on by `times` cycles."""
        for _ in range(times):
            self.clock.advance(CYCLE_NS)
            now = self.clock.now()
            if not self.silent:
                self._arm.write(pack_tick(self._tick(now)))
            order = self._world_orders.newest()
            episode = unpack_world_order(order.payload).episode if order else 0
            self._world.write(pack_world_state(self._make_world(now, episode=episode)))
            if self.camera:
                value = np.array([[0.1, 0.1, 0.5]])
                self._block.write(pack_signal(Signal(t_ns=np.array([now]), value=value)))
            for ring in self._pictures if self.pictures else ():
                ring.beat(now)
            if self.children[RECORDER].alive:
                self.recorder.cycle(now)
            self.conductor.cycle(now)

    def _tick(self, now):
        orders = self.orders
        session = orders.session if self.engages else 0
        plan = orders.plan
        phase = ArmPhase.HOLDING if session else ArmPhase.DISARMED
        if session and plan is not None and now <= plan.valid_until_ns:
            self._T, phase = pose_at(plan, now), ArmPhase.FOLLOWING
        if session and self.fault:
            phase = ArmPhase.FAULT
        tick = self._make_tick(
            now,
            T_base_tcp=np.array(self._T),
            phase=self.phase or phase,
            fault=self.fault if session else ArmFault.NONE,
            session=session,
            plan_epoch=-1 if plan is None else plan.epoch,
            source=Source.HOLD if plan is None else plan.source,
            hold=self.hold if session else PauseCause.NONE,
        )
        return replace(tick, state=replace(tick.state, **self.state_with))

    def ask(self, op, name="me", **more):
        """Send a command and go on until it is answered; return the reply."""
        client = self.client(name)
        client.send(op, t_ns=more.pop("t_ns", self.clock.now()), **more)
        for _ in range(1000):
            self.cycle()
            if reply := client.reply():
                return reply
            time.sleep(0.001)
        raise AssertionError(f"{op}: no answer")

    def call(self, op, name="me", **more):
        """Ask, and return the status; raises what the daemon refused with."""
        reply = self.ask(op, name, **more)
        if not reply.ok:
            raise SupervisorError(reply.message)
        return reply.status

    def state(self, name="observer"):
        return self.call("status", name).state

    def beat_for(self, duration_s, name="me"):
        """Go on, with a sign of life of one client every 100 ms."""
        for _ in range(round(duration_s / 0.1)):
            self.call("status", name)
            self.cycle(9)

    def prepare(self, endpoint, name="me", dataset=""):
        self.call("prepare", name, endpoint=endpoint, dataset=dataset)
        for _ in range(2000):
            status = self.call("status", name)
            if status.policy or status.policy_failure:
                return status
            time.sleep(0.001)
        raise AssertionError("no handshake")

    def until(self, phase, name="me", limit=400):
        for _ in range(limit):
            if (status := self.call("status", name)).run.phase == phase:
                return status
            self.cycle(4)
            time.sleep(0.001)
        raise AssertionError(f"{status}")
