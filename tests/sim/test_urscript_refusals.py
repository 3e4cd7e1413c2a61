"""What the interpreter does not know it refuses, with line and column, never with a guess."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robotd.sim.ur.script.errors import URScriptError
from tests.sim.fake_machine import FakeMachine, FakeRun


def refusal(text, cycles=100, **registers) -> URScriptError:
    """The error of reading or running `text`."""
    with pytest.raises(URScriptError) as caught:
        FakeRun(text, FakeMachine(**registers)).cycle(cycles)
    return caught.value


def in_program(*lines) -> str:
    return "def f():\n" + "".join(f"  {line}\n" for line in lines) + "end\n"


@pytest.mark.parametrize(
    ("lines", "where", "words"),
    [
        (["thread t():", "end"], (2, 3), "'thread' is not emulated"),
        (["x = run t()"], (2, 7), "expected a value, got 'run'"),
        (["enter_critical"], (2, 3), "'enter_critical' is not emulated"),
        (["for i in [1]:"], (2, 3), "'for' is not emulated"),
        (["x = 1 ? 2"], (2, 9), "unexpected '?'"),
        (["x = $1"], (2, 7), r"unexpected '\$'"),
        (["x = 'open"], (2, 7), 'unexpected "\'"'),
        (["x == 1"], (2, 5), "expected '=' after 'x', got '=='"),
        (["x = "], (2, 7), "expected a value, got end of line"),
        (["x = 1 2"], (2, 9), "expected the end of the line, got '2'"),
        (["1 + 2"], (2, 3), "a statement cannot begin with '1'"),
        (["x = (1"], (3, 1), ", got 'end'"),
        (["x = [1, 2"], (3, 1), "expected ',', got 'end'"),
        (["if 1 < 2 < 3:", "end"], (2, 12), "comparisons do not chain"),
        (["if True", "end"], (2, 10), "expected ':', got end of line"),
        (["while True:"], (4, 1), "'end' is missing"),
        (["x = p[1, 2, 3]"], (2, 8), "a pose has 6 numbers, got 3"),
        (["x = 99999999999"], (2, 7), "does not fit 32 bits"),
        (["x = 2147483648"], (2, 7), "does not fit 32 bits"),
        (["break"], (2, 3), "'break' outside a loop"),
        (["force_mode(1)"], (2, 3), "function 'force_mode' is not known, or not emulated"),
        (["x = get_inverse_kin(1)"], (2, 7), "'get_inverse_kin' is not known"),
        (["x = textmsg(1)"], (2, 7), "textmsg gives no value"),
        (["x = sync()"], (2, 7), "sync gives no value"),
        (["x = 1 + sync()"], (2, 11), "sync gives no value"),
        (["sync(1)"], (2, 3), "sync takes 0 arguments, got 1"),
        (["servoj()"], (2, 3), "servoj needs 'q'"),
        (["servoj(q=[1], q=[1])"], (2, 3), "'q' is given twice"),
        (["stopj(2, speed=1)"], (2, 3), "stopj has no parameter 'speed'"),
        (["stopj(a=2, 1)"], (2, 14), "an argument without a name after one with a name"),
        (["def g(a, a):", "end"], (2, 13), "parameter 'a' is there twice"),
        (["def g():", "end", "def g():", "end"], (4, 7), "function 'g' is defined twice"),
        (["def norm(a):", "end"], (2, 7), "function 'norm' is the controller's own"),
        (["def g():", "  def h():", "  end", "end"], (3, 9), "a function inside a function"),
        (["def g():", "  sync()", "end", "x = 1 + g()"], (5, 11), "g takes time: call it as"),
        (["def g():", "  sync()", "end", "def h():", "  return g()", "end"], (6, 5), "assign the"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_refused_before_anything_runs(lines, where, words):
    text = in_program("textmsg('began')", *lines)
    machine = FakeMachine()
    with pytest.raises(URScriptError, match=words) as caught:
        FakeRun(text, machine)
    assert (caught.value.line - 1, caught.value.column) == where
    assert str(caught.value).startswith(f"URScript line {where[0] + 1}, column {where[1]}: ")
    assert machine.calls == []


@pytest.mark.parametrize(
    ("lines", "where", "words"),
    [
        (["x = y"], (2, 7), "'y' has no value here"),
        (["x = 1 / 2"], (2, 9), "'/' of two integers is not emulated, write one as 1.0"),
        (["x = 5 % 0"], (2, 9), "'%' is emulated for a positive integer"),
        (["x = 1 + True"], (2, 9), "'\\+' of an integer and a truth value"),
        (["x = [1] + [2]"], (2, 11), "'\\+' of a list of 1 and a list of 1"),
        (["x = -True"], (2, 7), "expected a number, got a truth value"),
        (["x = 1 < 'a'"], (2, 9), "'<' of an integer and a string"),
        (["x = not 1"], (2, 11), "expected True or False, got an integer"),
        (["if 1:", "end"], (2, 6), "expected True or False, got an integer"),
        (["while 0.5:", "end"], (2, 9), "expected True or False, got a number"),
        (["x = True and 1"], (2, 16), "expected True or False"),
        (["x = [1, 2][2]"], (2, 13), "index 2 is outside a list of 2"),
        (["x = [1, 2][-1]"], (2, 13), "index -1 is outside"),
        (["x = [1, 2][0.0]"], (2, 13), "expected an integer, got a number"),
        (["x = 1", "y = x[0]"], (3, 8), "an integer has no elements"),
        (["x = 1", "x = 'a'"], (3, 3), "'x' holds an integer, it cannot become a string"),
        (["x = [1]", "x = [1, 2]"], (3, 3), "'x' holds a list of 1, it cannot become a list of 2"),
        (["x = [1]", "x[0] = 'a'"], (3, 3), "an element that is an integer cannot become a string"),
        (["x[0] = 1"], (2, 3), "'x' has no value here"),
        (["x = 2147483647 + 1"], (2, 18), "integer 2147483648 does not fit 32 bits"),
        (["x = norm(True)"], (2, 7), "norm: norm of a truth value"),
        (["x = sqrt(-1)"], (2, 7), "sqrt: math domain error"),
        (["x = read_input_integer_register(48)"], (2, 7), "register 48: there are 0 to 47"),
        (["write_output_integer_register(24, 1.5)"], (2, 3), "expected an integer, got a number"),
        (["servoj([0, 0, 0, 0, 0])"], (2, 3), "expected a list of 6 numbers, got a list of 5"),
        (["servoj([0,0,0,0,0,0], lookahead_time=0.02)"], (2, 3), "lookahead_time is 0.02"),
        (["servoj([0,0,0,0,0,0], gain=2001)"], (2, 3), "gain is 2001.0, must be 100.0 to 2000.0"),
        (["servoj([0,0,0,0,0,0], t=0)"], (2, 3), "t is 0.0, must be above 0"),
        (["movej([0,0,0,0,0,0], r=0.1)"], (2, 3), "a blend radius is not emulated"),
        (["movel(p[0, 0, -1, 0, 0, 0])"], (2, 3), "movel: no joints reach that pose"),
        (["stopj(0)"], (2, 3), "a is 0.0, must be above 0"),
        (["set_tool_digital_out(2, True)"], (2, 3), "output 2: there are 0 to 1"),
        (["set_digital_out(0, 1)"], (2, 3), "expected True or False, got an integer"),
        (["rtde_set_watchdog('x', 1, 'brake')"], (2, 3), "valid: ignore, pause, stop"),
        (["popup('a', blocking=True)"], (2, 3), "a popup that blocks is not emulated"),
        (["def g():", "end", "x = g()"], (4, 3), "'x' is assigned the result of a call that gives"),
        (["def g():", "  return g()", "end", "g()"], (3, 12), "more than 50 calls inside each"),
        (["while True:", "end"], (2, 3), "a loop that takes no time"),
    ],
)  # fmt: skip
def test_what_goes_wrong_while_running_says_where(lines, where, words):
    text = in_program(*lines)
    error = refusal(text)
    assert (error.line, error.column) == where
    with pytest.raises(URScriptError, match=words):
        raise error


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_joints_that_are_no_numbers_stop_the_script(value):
    text = in_program("x = read_input_float_register(0)", "servoj([x, 0, 0, 0, 0, 0])")
    assert "expected 6 finite numbers" in str(refusal(text, floats={0: value}))


def test_a_loop_that_takes_time_may_run_for_ever():
    run = FakeRun(in_program("while True:", "  sync()", "end"), FakeMachine())
    assert run.cycle(30_000)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "an empty script"),
        ("\n# nothing\n", "an empty script"),
        ("def f(a):\n sync()\nend\n", "nothing calls them"),
        ("def f():\nend\ndef g():\nend\n", "nothing calls them"),
        ("sec f():\n sync()\nend\n", "sync takes time: a secondary program may not call it"),
        ("sec f():\n movej([0,0,0,0,0,0])\nend\n", "movej takes time"),
        ("sec f():\nend\ntextmsg(1)\n", "a secondary program is one function"),
        ("sec f(a):\nend\n", "a program takes no parameters"),
        ("def f():\nend end\n", "expected the end of the line"),
        ("def f():\n" + "if True:\n" * 60, "more than 50 blocks inside each other"),
        ("x = " + "(" * 60 + "1" + ")" * 60, "more than 50 expressions inside each other"),
        ("x = " + "-" * 60 + "1", "more than 50 expressions inside each other"),
        ("x = " + "not " * 60 + "True", "more than 50 expressions inside each other"),
    ],
)
def test_programs_that_are_none_are_refused(text, words):
    with pytest.raises(URScriptError, match=words):
        FakeRun(text, FakeMachine())


def test_a_message_is_one_line_whatever_the_script_holds():
    assert "\n" not in str(refusal("x = \x1b[2J\n"))


WORDS = st.sampled_from(
    [
        *("def", "f", "(", ")", ":", "end", "if", "elif", "else", "while", "return", "break"),
        *("x", "y", "=", "==", "<", "+", "-", "*", "/", "[", "]", "p[", ",", "1", "2.5", "'a'"),
        *("True", "and", "not", "sync()", "norm(", "servoj(", "local", "global", "halt", "sec"),
        *("thread", "\n", " \n"),
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.lists(WORDS, max_size=30).map(" ".join), st.text(max_size=60)))
def test_any_text_runs_or_is_refused_in_one_way(text):
    with suppress(URScriptError):
        FakeRun(text, FakeMachine()).cycle(5)


def test_a_sum_without_end_is_refused_and_overflows_nothing():
    text = "x = " + " + ".join(["1"] * 5000) + "\n"
    assert "too deep inside each other" in str(refusal(text))


def test_branches_without_end_are_refused_and_overflow_nothing():
    call = "g(" * 49 + "1" + ")" * 49
    inner = "".join("if True:\n" for _ in range(45)) + f"y = {call}\n" + "end\n" * 45
    text = f"def f():\ndef g(a):\n{inner}return g(a)\nend\nx = g(1)\nend\n"
    assert "inside each other" in str(refusal(text))
