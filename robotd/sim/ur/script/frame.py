"""Where the variables of a running script live."""

from dataclasses import dataclass, field

from robotd.sim.ur.script.errors import URScriptError
from robotd.sim.ur.script.machine import ScriptMachine
from robotd.sim.ur.script.syntax import Node
from robotd.sim.ur.script.values import Value, kind, same_type

STEPS_PER_CYCLE = 20_000
"""Loop turns and calls in one controller cycle, after which a script counts as stuck."""

_DEEPEST_CALL = 50


@dataclass(slots=True)
class Runtime:
    """What all frames of one run share."""

    machine: ScriptMachine
    variables: dict[str, Value] = field(default_factory=dict[str, Value])
    steps_left: int = STEPS_PER_CYCLE
    depth: int = 0

    def step(self, node: Node) -> None:
        """Count one loop turn or call.

        Raises:
            URScriptError: Too many without the end of a cycle; a real controller stops then too.
        """
        self.steps_left -= 1
        if self.steps_left < 0:
            raise node.error("a loop that takes no time; add sync() to it")

    def enter(self, node: Node) -> None:
        """Count one call more inside others; whoever enters must `leave`."""
        self.step(node)
        self.depth += 1
        if self.depth > _DEEPEST_CALL:
            raise node.error(f"more than {_DEEPEST_CALL} calls inside each other")

    def leave(self) -> None:
        """One call less."""
        self.depth -= 1


@dataclass(slots=True)
class Frame:
    """The variables of one call; those of the program itself are global (UR script manual).

    Attributes:
        runtime: What all frames share.
        variables: By name; the runtime's own on the first level.
        result: What the function returns.
    """

    runtime: Runtime
    variables: dict[str, Value]
    result: Value = None

    def get(self, name: str, node: Node) -> Value:
        """A local variable, else a global one.

        Raises:
            URScriptError: There is none of that name.
        """
        found = self.variables.get(name)
        if found is None:
            found = self.runtime.variables.get(name)
            if found is None:
                raise _unknown(name, node)
        return found

    def set(self, name: str, value: Value, scope: str, node: Node) -> None:
        """Assign; without a scope to the local or global variable that is there, else locally.

        Raises:
            URScriptError: The variable holds another type, or the value is nothing.
        """
        where = self.variables
        if scope == "global" or (
            scope == "" and name not in where and name in self.runtime.variables
        ):
            where = self.runtime.variables
        old = where.get(name)
        if value is None:
            raise node.error(f"{name!r} is assigned the result of a call that gives none")
        fits = old is None or (type(old) is type(value) and not isinstance(value, tuple))
        if not fits and not same_type(old, value):
            raise node.error(f"{name!r} holds {kind(old)}, it cannot become {kind(value)}")
        where[name] = value


def _unknown(name: str, node: Node) -> URScriptError:
    return node.error(f"{name!r} has no value here")
