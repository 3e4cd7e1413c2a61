"""The register protocol of ur_rtde's own control script, without ur_rtde."""

import pytest

from robotd.core.ur_codes import RuntimeState
from robotd.sim.ur.stock.script import PathMove, recognise
from tests.sim.ur_site import Bench

STOCK = """def rtde_control():
    global reg_offset_float = # float register offset
{offset}
    global reg_offset_int = # int register offset
{offset}
    def exec_move_path():
        # inject move path
{path}
    end
    def process_cmd(cmd):
    end
end
"""


def stock(offset=0, path=""):
    return STOCK.format(offset=offset, path=path)


@pytest.fixture
def bench():
    return Bench()


@pytest.mark.parametrize("offset", [0, 24])
def test_ur_rtdes_script_is_known_with_its_registers(offset):
    assert recognise(stock(offset)).offset == offset


@pytest.mark.parametrize(
    "text", ["def other():\nend\n", "def rtde_control():\n sync()\nend\n", "# def rtde_control():"]
)
def test_another_script_is_not_taken_for_ur_rtdes(text):
    assert recognise(text) is None


def test_an_injected_path_is_read():
    path = "\tsignal_async_progress(0)\n\tmovel(p[1,2,3,4,5,6],a=0.5,v=0.25,r=0.01)\n"
    path += "\tsignal_async_progress(1)\n\tmovej([0,-1e-1,0,0,0,0],a=1.4,v=1,r=0)\n"
    first, line, second, joints = recognise(stock(0, path)).path
    assert (first, second) == (0, 1)
    expected = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert line == PathMove(move="movel", values=expected, pose=True, acceleration=0.5, speed=0.25)
    assert (joints.move, joints.values[1], joints.pose) == ("movej", -0.1, False)


class StockClient:
    """Writes commands where ur_rtde writes them."""

    def __init__(self, bench, base):
        self.bench, self.base = bench, base
        assert bench.run(stock(base))
        bench.cycle(2)

    def put(self, command, doubles=(), ints=()):
        registers = self.bench.c.registers
        registers.in_double[self.base : self.base + len(doubles)] = doubles
        registers.in_int[self.base + 1 : self.base + 1 + len(ints)] = ints
        registers.in_int[self.base] = command

    def call(self, command, doubles=(), ints=(), limit_s=20.0):
        """A command that is acknowledged; returns its vector."""
        self.put(command, doubles, ints)
        self.bench.until(lambda: self.state == 2 or not self.bench.c.program.there, limit_s)
        self.put(0)
        self.bench.cycle()
        return self.bench.c.registers.out_double[self.base : self.base + 6]

    @property
    def state(self):
        return self.bench.c.registers.out_int[self.base]


@pytest.fixture(params=[0, 24])
def client(bench, request):
    return StockClient(bench, request.param)


def test_the_stock_protocol_is_ready_then_done_then_ready(client):
    assert client.state == 1
    client.put(40)
    client.bench.cycle()
    assert client.state == 2
    client.bench.cycle(3)
    assert client.state == 2
    client.put(0)
    client.bench.cycle()
    assert client.state == 1


def test_the_stock_protocol_moves_joints_and_waits_for_them(client):
    goal = [-1.37, -1.57, -1.57, -1.57, 1.57, 0.0]
    client.call(1, [*goal, 1.0, 1.4], [0])
    assert client.bench.c.joints.ref.q == pytest.approx(goal)


def test_an_asynchronous_move_is_done_at_once_and_tells_its_progress(client):
    goal = [-1.37, -1.57, -1.57, -1.57, 1.57, 0.0]
    client.call(1, [*goal, 1.0, 1.4], [1], limit_s=0.02)
    progress = client.base + 2
    assert client.bench.c.registers.out_int[progress] & 0x8000
    client.bench.until(lambda: not client.bench.c.registers.out_int[progress] & 0x8000)
    assert client.bench.c.joints.ref.q == pytest.approx(goal)


def test_a_move_while_servoing_ends_the_stock_script(client):
    q = [-1.57, -1.57, -1.57, -1.57, 1.57, 0.0]
    client.put(11, [*q, 0, 0, 0.002, 0.1, 300])
    client.bench.cycle(5)
    client.call(1, [*q, 1.0, 1.4], [0])
    assert not client.bench.c.program.there
    assert "another thread" in client.bench.messages[-1][0]


def test_servoing_goes_on_after_servo_stop(client):
    q = [-1.56, -1.57, -1.57, -1.57, 1.57, 0.0]
    client.put(11, [*q, 0, 0, 0.002, 0.03, 300])
    client.bench.seconds(0.5)
    assert client.bench.c.joints.ref.q == pytest.approx(q, abs=1e-6)
    client.call(16, [10.0])
    client.call(1, [-1.57, *q[1:], 1.0, 1.4], [0])
    assert client.bench.c.joints.ref.q[0] == pytest.approx(-1.57)


@pytest.mark.parametrize(("command", "stops_in_s"), [(9, 0.8), (10, 0.2)])
def test_a_speed_is_stopped_as_it_was_begun_in_joints_or_with_the_tool(client, command, stops_in_s):
    joints = client.bench.c.joints
    client.put(command, [0.4 if command == 9 else 0.05, 0, 0, 0, 0, 0, 2.0])
    client.bench.seconds(1.0)
    fastest = max(map(abs, joints.speeds_ref()))
    client.put(15, [0.5])
    client.bench.seconds(fastest / 0.4 * stops_in_s - 0.05)
    assert max(map(abs, joints.speeds_ref())) > 0
    client.bench.seconds(0.1)
    assert max(map(abs, joints.speeds_ref())) == pytest.approx(0, abs=1e-6)
    assert client.bench.c.program.there


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_target_that_is_no_angle_ends_the_stock_script(client, value):
    client.put(11, [value, -1.57, -1.57, -1.57, 1.57, 0, 0, 0, 0.002, 0.1, 300])
    client.bench.cycle(2)
    assert not client.bench.c.program.there


def test_kinematics_of_the_stock_protocol_agree_with_each_other(client):
    q = [-1.2, -1.4, -1.7, -1.3, 1.5, 0.3]
    tcp = [0.0, 0.0, 0.1, 0.0, 0.0, 0.0]
    client.bench.c.set_tcp(tcp)
    pose = client.call(44, [*q, *tcp])
    found = client.call(30, [*pose, *(angle + 0.05 for angle in q), 1e-10, 1e-10])
    assert found == pytest.approx(q, abs=1e-5)


def test_a_pose_out_of_reach_has_no_solution(client):
    client.call(60, [3.0, 0, 0, 0, 0, 0])
    assert client.bench.c.registers.out_int[client.base + 1] == 0
    client.call(46, [3.0, 0, 0, 0, 0, 0])
    assert not client.bench.c.program.there


def test_the_stop_command_ends_the_stock_script(client):
    client.put(255)
    client.bench.cycle(2)
    assert client.bench.c.program.runtime == RuntimeState.STOPPED


def test_the_zero_pose_is_the_vendors(client):
    pose = client.call(44, [0.0] * 12)
    assert pose[:3] == pytest.approx([-0.8172, -0.2329, 0.0628])
