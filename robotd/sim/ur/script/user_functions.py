"""The functions that a script defines, and which of them take time."""

from collections.abc import Callable, Generator

from robotd.sim.ur.script import functions as built_in
from robotd.sim.ur.script import syntax as tree
from robotd.sim.ur.script.code import Code, Flow
from robotd.sim.ur.script.evaluate import Evaluate, bind, evaluation
from robotd.sim.ur.script.frame import Frame
from robotd.sim.ur.script.values import Value

CallCycles = Generator[None, None, tuple[Value, Flow | None]]
MakeReady = Callable[[tree.Block, "Functions"], Code]


class Functions:
    """The functions that a script defines.

    A body is made ready when first called or on `prepare`, so that functions may call each other.
    """

    def __init__(self, defined: list[tree.Function], make_ready: MakeReady) -> None:
        """Take the definitions, and what makes a body ready.

        Raises:
            URScriptError: One twice, or one named as a function of the controller.
        """
        self._defined: dict[str, tree.Function] = {}
        self._code: dict[str, Code] = {}
        self._make_ready = make_ready
        for function in defined:
            name = function.name
            if name in self._defined:
                raise function.error(f"function {name!r} is defined twice")
            if name in built_in.VALUES or name in built_in.COMMANDS or name in built_in.TIMED:
                raise function.error(f"function {name!r} is the controller's own")
            self._defined[name] = function
        self._timed = self._find_timed()

    def prepare(self) -> None:
        """Make every function ready, so that errors show before anything runs."""
        for name in self._defined:
            self._ready(name)

    def takes_time(self, call: tree.Call) -> bool:
        """Whether the call may last beyond this cycle."""
        return call.name in built_in.TIMED or call.name in self._timed

    def untimed(self, call: tree.Call) -> Evaluate | None:
        """See `UserFunctions`."""
        if call.name not in self._defined:
            return None
        if call.name in self._timed:
            raise call.error(
                f"{call.name} takes time: call it as a statement, or assign its result alone"
            )
        enter, name = self._entry(call), call.name

        def run(frame: Frame) -> Value:
            inner = enter(frame)
            try:
                code = self._ready(name).at_once
                if code is not None and code(inner) is Flow.HALT:
                    raise call.error("halt inside a function whose value is used")
                return inner.result
            finally:
                frame.runtime.leave()

        return run

    def timed(self, call: tree.Call) -> Callable[[Frame], CallCycles] | None:
        """The call of a defined function that takes time; None for any other."""
        if call.name not in self._timed:
            return None
        enter, name = self._entry(call), call.name

        def run(frame: Frame) -> CallCycles:
            inner = enter(frame)
            flow = None
            code = self._ready(name).over_time
            if code is not None:
                flow = yield from code(inner)
            frame.runtime.leave()
            return inner.result, flow if flow is Flow.HALT else None

        return run

    def _entry(self, call: tree.Call) -> Callable[[Frame], Frame]:
        """The function that makes the frame of a call."""
        function = self._defined[call.name]
        bound = bind(call, function.parameters, self, self._default)
        names = [name for name, _ in function.parameters]

        def enter(frame: Frame) -> Frame:
            arguments = [argument(frame) for argument in bound]
            for name, argument in zip(names, arguments, strict=True):
                if argument is None:
                    raise call.error(f"{call.name}: {name!r} is given no value")
            frame.runtime.enter(call)
            return Frame(frame.runtime, dict(zip(names, arguments, strict=True)))

        return enter

    def _default(self, default: tree.Expression | None) -> Evaluate | None:
        return None if default is None else evaluation(default, self)

    def _ready(self, name: str) -> Code:
        code = self._code.get(name)
        if code is None:
            code = self._code[name] = self._make_ready(self._defined[name].body, self)
        return code

    def _find_timed(self) -> set[str]:
        """Names of the functions that call, directly or not, anything that takes time."""
        calls = {
            name: {call.name for call in calls_in(f.body)} for name, f in self._defined.items()
        }
        timed = {name for name, called in calls.items() if called & set(built_in.TIMED)}
        while True:
            more = {name for name, called in calls.items() if called & timed} - timed
            if not more:
                return timed
            timed |= more


def calls_in(body: tree.Block) -> Generator[tree.Call, None, None]:
    """All calls anywhere in `body`, those in the functions that it defines included."""
    for node in body:
        match node:
            case tree.Assign(value=value, index=index):
                yield from _calls_of(value)
                if index is not None:
                    yield from _calls_of(index)
            case tree.Do(call=call):
                yield from _calls_of(call)
            case tree.If(branches=branches, otherwise=otherwise):
                for test, inner in branches:
                    yield from _calls_of(test)
                    yield from calls_in(inner)
                yield from calls_in(otherwise)
            case tree.While(condition=test, body=inner):
                yield from _calls_of(test)
                yield from calls_in(inner)
            case tree.Leave(value=value):
                if value is not None:
                    yield from _calls_of(value)
            case tree.Function(body=inner):
                yield from calls_in(inner)


def _calls_of(node: tree.Expression) -> Generator[tree.Call, None, None]:
    match node:
        case tree.Call(arguments=arguments, named=named):
            yield node
            for argument in (*arguments, *(value for _, value in named)):
                yield from _calls_of(argument)
        case tree.ListOf(items=items):
            for item in items:
                yield from _calls_of(item)
        case tree.Index(of=of, index=index):
            yield from _calls_of(of)
            yield from _calls_of(index)
        case tree.Unary(operand=operand):
            yield from _calls_of(operand)
        case tree.Binary(left=left, right=right):
            yield from _calls_of(left)
            yield from _calls_of(right)
        case tree.Literal() | tree.Name():
            pass
