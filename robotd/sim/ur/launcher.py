"""Turns text that came over a script port into a running program, or refuses it loudly."""

import re
from typing import Final

from robotd.core.errors import one_line
from robotd.sim.ur.controller import Controller
from robotd.sim.ur.machine import Machine
from robotd.sim.ur.ports.rtde_wire import Level
from robotd.sim.ur.script.errors import URScriptError
from robotd.sim.ur.script.interpreter import run
from robotd.sim.ur.script.parser import parse
from robotd.sim.ur.stock.program import StockProgram
from robotd.sim.ur.stock.script import recognise

_NAME: Final = re.compile(r"^\s*(?:def|sec)\s+(\w+)", re.MULTILINE)


def launch(controller: Controller, text: str) -> bool:
    """Run a program; False where the controller refuses it, after a message that says why."""
    name = found[1] if (found := _NAME.search(text)) else one_line(text.strip()[:40])
    controller.events.add(controller.now_ns, "uploaded", f"{name}, {len(text)} characters")
    if not controller.remote and not controller.version.cb3:
        return _refuse(controller, name, "not in remote control")
    if not controller.can_move:
        mode, safety = controller.power.mode.name, controller.safety.mode.name
        return _refuse(controller, name, f"robot mode {mode}, safety mode {safety}")
    if (stock := recognise(text)) is not None:
        controller.start(name, StockProgram(controller, stock).body(), stock=True)
        return True
    try:
        program = parse(text)
        body = run(program, Machine(controller))
    except URScriptError as error:
        controller.stop_program("replaced by a script that was refused")
        return _refuse(controller, name, str(error))
    if not program.secondary:
        controller.start(name, body)
        return True
    try:
        for _ in body:  # it may not take time, and leaves the program that runs alone
            pass
    except URScriptError as error:
        return _refuse(controller, name, str(error))
    return True


def _refuse(controller: Controller, name: str, reason: str) -> bool:
    controller.events.add(controller.now_ns, "refused", f"{name}: {reason}")
    controller.message(f"program {name} refused: {reason}", Level.EXCEPTION)
    return False
