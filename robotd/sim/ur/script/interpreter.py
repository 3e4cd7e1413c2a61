"""Runs a script on a machine, cycle by cycle."""

from collections.abc import Generator

from robotd.sim.ur.script import functions as built_in
from robotd.sim.ur.script import syntax as tree
from robotd.sim.ur.script.code import Code
from robotd.sim.ur.script.errors import URScriptError
from robotd.sim.ur.script.execute import function_body
from robotd.sim.ur.script.frame import Frame, Runtime
from robotd.sim.ur.script.machine import ScriptMachine
from robotd.sim.ur.script.user_functions import Functions, calls_in


def run(program: tree.Program, machine: ScriptMachine) -> Generator[None, None, None]:
    """Make `program` ready and return the generator of its cycles.

    Each `next` runs the script to the end of one controller cycle. Closing it stops the script; the
    machine is told nothing then.

    Raises:
        URScriptError: At once where the program names what is not known or emulated; from `next`
            where it fails while running.
    """
    if program.secondary:
        _refuse_moves(program)
    try:
        code = _ready(program)
    except RecursionError as error:
        raise _too_deep() from error
    runtime = Runtime(machine)
    frame = Frame(runtime, runtime.variables)

    def cycles() -> Generator[None, None, None]:
        try:
            if code.at_once is not None:
                code.at_once(frame)
            elif code.over_time is not None:
                yield from code.over_time(frame)
        except RecursionError as error:
            raise _too_deep() from error

    return cycles()


def _ready(program: tree.Program) -> Code:
    functions = [node for node in program.body if isinstance(node, tree.Function)]
    known = Functions(functions, function_body)
    known.prepare()
    statements = tuple(node for node in program.body if not isinstance(node, tree.Function))
    return function_body(statements, known)


def _too_deep() -> URScriptError:
    return URScriptError("calls and expressions too deep inside each other", line=1, column=1)


def _refuse_moves(program: tree.Program) -> None:
    for call in calls_in(program.body):
        if call.name in built_in.TIMED:
            raise call.error(f"{call.name} takes time: a secondary program may not call it")
