"""Turns statements into Python functions of a frame: plain ones, and ones that take cycles."""

from collections.abc import Generator

from robotd.sim.ur.script import functions as built_in
from robotd.sim.ur.script import syntax as tree
from robotd.sim.ur.script import values
from robotd.sim.ur.script.code import Code, Cycles, Flow
from robotd.sim.ur.script.evaluate import Evaluate, call_built_in, condition, evaluation
from robotd.sim.ur.script.frame import STEPS_PER_CYCLE, Frame, Runtime
from robotd.sim.ur.script.user_functions import Functions


def function_body(body: tree.Block, known: Functions) -> Code:
    """The body of a function, or of the program."""
    return block(body, known, in_loop=False)


def block(body: tree.Block, known: Functions, *, in_loop: bool) -> Code:
    """Statements one after the other.

    Raises:
        URScriptError: A statement that is not emulated, or stands where it may not.
    """
    parts = [_statement(statement, known, in_loop=in_loop) for statement in body]
    plain = [part.at_once for part in parts if part.at_once is not None]
    if len(plain) == len(parts):

        def at_once(frame: Frame) -> Flow | None:
            for run in plain:
                flow = run(frame)
                if flow is not None:
                    return flow
            return None

        return Code(at_once=at_once)

    def over_time(frame: Frame) -> Cycles:
        for part in parts:
            if part.at_once is not None:
                flow = part.at_once(frame)
            elif part.over_time is not None:
                flow = yield from part.over_time(frame)
            else:
                flow = None
            if flow is not None:
                return flow
        return None

    return Code(over_time=over_time)


def _statement(node: tree.Statement, known: Functions, *, in_loop: bool) -> Code:
    match node:
        case tree.Assign():
            return _assign(node, known)
        case tree.Do(call=call):
            return _do(call, known)
        case tree.If():
            return _if(node, known, in_loop=in_loop)
        case tree.While():
            return _while(node, known)
        case tree.Leave():
            return _leave(node, known, in_loop=in_loop)
        case tree.Function():
            raise node.error("a function inside a function or block is not emulated")


def _assign(node: tree.Assign, known: Functions) -> Code:
    name, scope = node.name, node.scope
    if isinstance(node.value, tree.Call) and known.takes_time(node.value):
        return _assign_later(node, node.value, known)
    value = evaluation(node.value, known)
    if node.index is None:

        def assign(frame: Frame) -> None:
            frame.set(name, value(frame), scope, node)

        return Code(at_once=assign)
    index = evaluation(node.index, known)

    def assign_element(frame: Frame) -> None:
        try:
            changed = values.with_element(frame.get(name, node), index(frame), value(frame))
        except ValueError as error:
            raise node.error(str(error)) from error
        frame.set(name, changed, "", node)

    return Code(at_once=assign_element)


def _assign_later(node: tree.Assign, call: tree.Call, known: Functions) -> Code:
    """The result of a function that takes time."""
    timed = known.timed(call)
    if timed is None:
        raise call.error(f"{call.name} gives no value")
    if node.index is not None:
        raise node.error("assign the result of a call that takes time to a variable first")

    def run(frame: Frame) -> Cycles:
        value, flow = yield from timed(frame)
        if flow is None:
            frame.set(node.name, value, node.scope, node)
        return flow

    return Code(over_time=run)


def _do(call: tree.Call, known: Functions) -> Code:
    timed = known.timed(call)
    if timed is not None:

        def run_function(frame: Frame) -> Cycles:
            _, flow = yield from timed(frame)
            return flow

        return Code(over_time=run_function)
    if call.name in built_in.TIMED:
        return _wait(call, call_built_in(call, built_in.TIMED[call.name], known))
    if call.name in built_in.COMMANDS:
        value = call_built_in(call, built_in.COMMANDS[call.name], known)
    else:
        value = evaluation(call, known)

    def run(frame: Frame) -> None:
        value(frame)

    return Code(at_once=run)


def _wait(call: tree.Call, begin: Evaluate) -> Code:
    """A command of the controller that takes time: so many cycles, or until its motion is done."""

    def run(frame: Frame) -> Cycles:
        runtime = frame.runtime
        t_s = begin(frame)
        if t_s is None:
            yield from _cycle(runtime)
            while not runtime.machine.motion_done():
                yield from _cycle(runtime)
            return None
        if not isinstance(t_s, int | float):
            raise call.error(f"{call.name} has no duration")
        for _ in range(max(1, round(t_s / runtime.machine.period_s))):
            yield from _cycle(runtime)
        return None

    return Code(over_time=run)


def _cycle(runtime: Runtime) -> Generator[None, None, None]:
    runtime.steps_left = STEPS_PER_CYCLE
    yield


def _if(node: tree.If, known: Functions, *, in_loop: bool) -> Code:
    branches = [
        (condition(test, known), block(body, known, in_loop=in_loop))
        for test, body in node.branches
    ]
    otherwise = block(node.otherwise, known, in_loop=in_loop)

    def choose(frame: Frame) -> Code:
        for test, body in branches:
            if test(frame):
                return body
        return otherwise

    if all(body.at_once is not None for body in (*(b for _, b in branches), otherwise)):

        def at_once(frame: Frame) -> Flow | None:
            run = choose(frame).at_once
            return run(frame) if run is not None else None

        return Code(at_once=at_once)

    def over_time(frame: Frame) -> Cycles:
        chosen = choose(frame)
        if chosen.at_once is not None:
            return chosen.at_once(frame)
        if chosen.over_time is not None:
            return (yield from chosen.over_time(frame))
        return None

    return Code(over_time=over_time)


def _while(node: tree.While, known: Functions) -> Code:
    test, body = condition(node.condition, known), block(node.body, known, in_loop=True)
    plain, timed = body.at_once, body.over_time
    if plain is not None:

        def at_once(frame: Frame) -> Flow | None:
            while test(frame):
                frame.runtime.step(node)
                flow = plain(frame)
                if flow in (Flow.RETURN, Flow.HALT):
                    return flow
                if flow is Flow.BREAK:
                    break
            return None

        return Code(at_once=at_once)

    def over_time(frame: Frame) -> Cycles:
        while test(frame):
            frame.runtime.step(node)
            flow = (yield from timed(frame)) if timed is not None else None
            if flow in (Flow.RETURN, Flow.HALT):
                return flow
            if flow is Flow.BREAK:
                break
        return None

    return Code(over_time=over_time)


def _leave(node: tree.Leave, known: Functions, *, in_loop: bool) -> Code:
    if node.how in ("break", "continue") and not in_loop:
        raise node.error(f"{node.how!r} outside a loop")
    flow = Flow(node.how)
    if node.value is None:
        return Code(at_once=lambda _: flow)
    if isinstance(node.value, tree.Call) and known.takes_time(node.value):
        raise node.error("assign the result of a call that takes time to a variable first")
    value = evaluation(node.value, known)

    def leave(frame: Frame) -> Flow:
        frame.result = value(frame)
        return flow

    return Code(at_once=leave)
