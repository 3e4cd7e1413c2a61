"""What the interpreter makes of URScript: values, flow, functions, scopes, time."""

from math import inf, nan

import pytest

from robotd.sim.ur.script.errors import URScriptError
from robotd.sim.ur.script.machine import PoseValue
from robotd.sim.ur.script.parser import parse
from tests.sim.fake_machine import FakeMachine, FakeRun


def said(text, **registers) -> list[str]:
    """What a script writes to the log."""
    machine = FakeMachine(**registers)
    FakeRun(text, machine).finish()
    return [str(line[0]) for line in machine.named("textmsg")]


def value(expression, **registers) -> str:
    return said(f"def f():\n  textmsg({expression})\nend\n", **registers)[0]


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("7 - 2 - 1", "4"),
        ("-3 + 1", "-2"),
        ("2 - -3", "5"),
        ("--3", "3"),
        ("7 % 4", "3"),
        ("1.0 / 4", "0.25"),
        ("8 / 2.0 / 2", "2.0"),
        ("1.5e2", "150.0"),
        (".5 + 1.", "1.5"),
        ("1 < 2", "True"),
        ("2 <= 1", "False"),
        ("2 == 2.0", "True"),
        ("1 != 2 and 3 >= 3", "True"),
        ("not 1 > 2", "True"),
        ("not (1 > 2) and not False", "True"),
        ("True or False and False", "True"),
        ("True xor True", "False"),
        ("'a' + \"b\"", "ab"),
        ("'a' == 'b'", "False"),
        ("[1, 2, 3][1]", "2"),
        ("[1, 2] == [1, 2]", "True"),
        ("[1, 2,\n   3][2]", "3"),
        ("p[1, 2, 3, 0.1, 0.2, 0.3][4]", "0.2"),
        ("norm(-5.3)", "5.3"),
        ("norm(-8)", "8"),
        ("norm([3.0, 4.0])", "5.0"),
        ("norm(p[0, 3, 4, 0, 0, 0])", "5.0"),
        ("floor(1.9)", "1"),
        ("ceil(1.1)", "2"),
        ("sqrt(9)", "3.0"),
        ("length([1, 2, 3])", "3"),
        ("atan2(0, 1)", "0.0"),
        ("d2r(180) > 3.14", "True"),
        ("get_steptime()", "0.008"),
        ("read_input_integer_register(24) + 1", "6"),
        ("get_actual_joint_positions()[0]", "0.0"),
    ],
)
def test_expressions(expression, result):
    assert value(expression, integers={24: 5}) == result


@pytest.mark.parametrize("comparison", ["==", "<", "<=", ">", ">="])
def test_nan_is_neither_equal_nor_below_nor_above(comparison):
    assert value(f"read_input_float_register(0) {comparison} 1.0", floats={0: nan}) == "False"
    assert value(f"1.0 {comparison} read_input_float_register(0)", floats={0: nan}) == "False"


def test_nan_differs_from_itself():
    register = "read_input_float_register(0)"
    assert value(f"{register} != {register}", floats={0: nan}) == "True"


@pytest.mark.parametrize(
    ("x", "result"), [(1.0, "inf"), (-1.0, "-inf"), (0.0, "nan"), (nan, "nan")]
)
def test_division_by_zero_is_that_of_the_numbers_format(x, result):
    assert value("read_input_float_register(0) / 0.0", floats={0: x}) == result


def test_infinity_is_compared_as_a_number():
    assert value("norm(read_input_float_register(0)) <= 1000.0", floats={0: -inf}) == "False"


def test_branches():
    script = """
    def f():
      i = 0
      while i < 4:
        if i == 0:
          textmsg("none")
        elif i == 1:
          textmsg("one")
        elif i == 2:
          textmsg("two")
        else:
          textmsg("many")
        end
        i = i + 1
      end
    end
    """
    assert said(script) == ["none", "one", "two", "many"]


def test_break_and_continue():
    script = """
    def f():
      i = 0
      while True:
        i = i + 1
        if i == 2:
          continue
        end
        if i > 3:
          break
        end
        textmsg(i)
      end
      textmsg("after ", i)
    end
    """
    assert said(script) == ["1", "3", "after 4"]


def test_break_leaves_the_inner_loop_alone_also_over_cycles():
    script = """
    def f():
      i = 0
      while i < 2:
        while True:
          sync()
          break
        end
        i = i + 1
        textmsg(i)
      end
    end
    """
    assert said(script) == ["1", "2"]


def test_functions_take_arguments_names_and_defaults():
    script = """
    def f():
      def describe(a, b=2, c="x"):
        textmsg(a + b, c)
      end
      describe(1)
      describe(1, 5)
      describe(1, c="y")
      describe(b=1, a=1)
    end
    """
    assert said(script) == ["3x", "6x", "3y", "2x"]


def test_functions_return_and_call_each_other_in_any_order():
    script = """
    def f():
      def outer(n):
        return inner(n) + 1
      end
      def inner(n):
        if n > 1:
          return 10
        end
        return 20
      end
      textmsg(outer(1) + outer(2))
    end
    """
    assert said(script) == ["32"]


def test_a_function_that_takes_time_gives_its_result_afterwards():
    script = """
    def f():
      def later(n):
        sync()
        sync()
        return n * 2
      end
      x = later(4)
      textmsg(x)
    end
    """
    machine = FakeMachine()
    run = FakeRun(script, machine)
    assert run.cycle(2)
    assert machine.named("textmsg") == []
    assert not run.cycle()
    assert machine.named("textmsg") == [("8",)]


def test_first_level_variables_are_global_and_locals_mask_them():
    script = """
    def f():
      a = 1
      b = 1
      def change():
        a = 2
        local b = 2
        textmsg(a, b)
        c = 3
        textmsg(c)
      end
      change()
      textmsg(a, b)
    end
    """
    assert said(script) == ["22", "3", "21"]


def test_a_variable_of_a_function_is_gone_after_it():
    script = "def f():\n def g():\n  c = 3\n end\n g()\n textmsg(c)\nend\n"
    with pytest.raises(URScriptError, match="line 6, column 10: 'c' has no value here"):
        said(script)


def test_global_reaches_out_of_a_function():
    script = "def f():\n def g():\n  global c = 3\n end\n g()\n textmsg(c)\nend\n"
    assert said(script) == ["3"]


def test_a_list_is_copied_when_assigned():
    script = "def f():\n a = [1, 2]\n b = a\n b[0] = 9\n textmsg(a[0], b[0])\nend\n"
    assert said(script) == ["19"]


def test_a_pose_may_change_by_element():
    script = "def f():\n a = p[0, 0, 0, 0, 0, 0]\n a[2] = 1.5\n textmsg(a[2])\nend\n"
    assert said(script) == ["1.5"]


def test_halt_ends_everything_from_inside_a_function():
    script = """
    def f():
      def g():
        sync()
        halt
      end
      g()
      textmsg("never")
    end
    """
    assert said(script) == []


def test_return_ends_the_program():
    assert said("def f():\n return\n textmsg(1)\nend\n") == []


# Time.


def cycles(statements) -> int:
    body = "".join(f"  {line}\n" for line in statements)
    return FakeRun(f"def f():\n{body}end\n", FakeMachine(period_s=0.008, motion_n=3)).finish()


@pytest.mark.parametrize(
    ("statement", "n"),
    [
        ("textmsg(1)", 0),
        ("sync()", 1),
        ("sleep(0.08)", 10),
        ("sleep(0.001)", 1),
        ("servoj([0,0,0,0,0,0], 0, 0, 0.008, 0.1, 300)", 1),
        ("servoj([0,0,0,0,0,0], t=0.016)", 2),
        ("servoj([0,0,0,0,0,0])", 1),
        ("movej([0,0,0,0,0,0])", 3),
        ("movel(p[0,0,0,0,0,0], v=0.1)", 3),
        ("stopj(2)", 3),
        ("stopl(2.0)", 3),
        ("speedj([0,0,0,0,0,0], 1.0, 0.08)", 10),
        ("speedl([0,0,0,0,0,0], 1.0)", 3),
    ],
)
def test_each_command_takes_its_cycles(statement, n):
    assert cycles([statement]) == n
    assert cycles([statement, statement]) == 2 * n


def test_nothing_runs_before_the_first_cycle_is_asked_for():
    machine = FakeMachine()
    FakeRun("def f():\n textmsg(1)\nend\n", machine)
    assert machine.calls == []


def test_commands_reach_the_machine_with_their_arguments():
    script = """
    def f():
      movej([0, 1, 2, 3, 4, 5], a=1.5, v=0.5)
      movel(p[0.1, 0, 0.2, 0, 3.14, 0], 1.2, 0.3)
      set_tcp(p[0, 0, 0.1, 0, 0, 0])
      set_payload(1.5, [0, 0, 0.05])
      set_digital_out(2, True)
      set_tool_digital_out(1, False)
      write_output_integer_register(3, -7)
      write_output_float_register(4, 1.5)
      write_output_boolean_register(5, True)
      rtde_set_watchdog("input_int_register_24", 25, "stop")
      popup("careful")
    end
    """
    machine = FakeMachine()
    FakeRun(script, machine).finish()
    assert machine.calls == [
        ("movej", (0.0, 1.0, 2.0, 3.0, 4.0, 5.0), 1.5, 0.5, 0.0),
        ("movel", PoseValue((0.1, 0.0, 0.2, 0.0, 3.14, 0.0)), 1.2, 0.3, 0.0),
        ("set_tcp", PoseValue((0.0, 0.0, 0.1, 0.0, 0.0, 0.0))),
        ("set_payload", 1.5, (0.0, 0.0, 0.05)),
        ("set_digital_output", 2, True),
        ("set_digital_output", 17, False),
        ("rtde_set_watchdog", "input_int_register_24", 25.0, "stop"),
        ("popup", "careful"),
    ]
    assert machine.out_integers == {3: -7}
    assert machine.out_floats == {4: 1.5}
    assert machine.out_bits == {5: True}


def test_closing_the_run_tells_the_machine_nothing():
    machine = FakeMachine()
    run = FakeRun("def f():\n while True:\n  sync()\n end\nend\n", machine)
    run.cycle(5)
    run.close()
    assert machine.calls == []
    assert not run.cycle()


# What was sent.


def test_a_program_knows_its_name():
    assert parse("def demo():\n sync()\nend\n").name == "demo"


def test_a_call_after_the_program_runs_it_once():
    assert said("def f():\n textmsg(1)\nend\nf()\n") == ["1"]


def test_bare_statements_run_as_they_are():
    machine = FakeMachine()
    FakeRun("stopj(2)\n", machine).finish()
    assert machine.named("stopj") == [(2.0,)]


def test_definitions_and_statements_run_in_order():
    assert said("def f(a):\n textmsg(a)\nend\nf(1)\nf(2)\n") == ["1", "2"]


def test_a_secondary_program_is_known_as_one():
    program = parse("sec io():\n set_digital_out(1, True)\nend\n")
    assert program.secondary
    assert program.name == "io"


def test_a_missing_line_break_at_the_end_is_no_matter():
    assert said("def f():\n textmsg(1)\nend") == ["1"]


def test_carriage_returns_and_comments_are_passed_over():
    assert said("# a\r\ndef f(): # b\r\n  textmsg(1) # c\r\nend\r\n") == ["1"]
