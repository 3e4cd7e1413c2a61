"""The dashboard's commands and answers, one line each.

Source: Universal Robots, "Dashboard Server" (CB3 and e-Series), port 29999.
"""

from collections.abc import Callable
from typing import Final

from robotd.core.ur_codes import RobotMode
from robotd.sim.ur.controller import Controller
from robotd.sim.ur.states import SafetyMode

GREETING: Final = "Connected: Universal Robots Dashboard Server"
PROGRAM: Final = "external_control.urp"

_REMOTE_ONLY: Final = (
    "play",
    "stop",
    "pause",
    "power on",
    "power off",
    "brake release",
    "unlock protective stop",
    "restart safety",
    "load",
)
"""What an e-Series in local control refuses."""


class Dashboard:
    """What the dashboard server of one controller answers; keeps no state of a connection."""

    def __init__(self, controller: Controller) -> None:
        self._c = controller
        self._loaded = PROGRAM
        self._commands: dict[str, Callable[[str], str]] = {
            "play": self._play,
            "stop": self._stop,
            "pause": self._pause,
            "quit": lambda _: "Disconnected",
            "shutdown": lambda _: "Shutting down",
            "running": lambda _: f"Program running: {_truth(self._c.program.playing)}",
            "robotmode": lambda _: f"Robotmode: {self._c.power.mode.name}",
            "safetymode": lambda _: f"Safetymode: {self._c.safety.mode.name}",
            "safetystatus": lambda _: f"Safetystatus: {self._c.safety.mode.name}",
            "programstate": self._program_state,
            "polyscopeversion": self._polyscope,
            "version": lambda _: str(self._c.version),
            "get robot model": self._model,
            "get serial number": lambda _: self._c.setup.serial,
            "get loaded program": lambda _: f"Loaded program: /programs/{self._loaded}",
            "is in remote control": lambda _: str(self._c.remote).lower(),
            "get operational mode": lambda _: "NONE",
            "isprogramsaved": lambda _: f"true {self._loaded}",
            "power on": self._power_on,
            "power off": self._power_off,
            "brake release": self._brake_release,
            "unlock protective stop": self._unlock,
            "close safety popup": lambda _: "closing safety popup",
            "close popup": lambda _: "closing popup",
            "restart safety": self._restart_safety,
            "load": self._load,
            "popup": self._popup,
            "addtolog": self._add_to_log,
            "setuserrole": lambda role: f"Setting user role: {role}",
            "get user role": lambda _: "none",
        }

    def answer(self, line: str) -> str:
        """Return the answer to a line."""
        words = line.strip()
        low = words.lower()
        name = max((key for key in self._commands if _begins(low, key)), key=len, default="")
        if not name or (name in ("is in remote control", "get serial number") and self._old()):
            return f'could not understand: "{words}"'
        if not self._c.remote and not self._c.version.cb3 and name in _REMOTE_ONLY:
            return f"Failed to execute: {words} (not in remote control)"
        return self._commands[name](words[len(name) :].strip())

    def _model(self, _: str) -> str:
        setup = self._c.setup
        return (setup.shown_model or setup.model).upper().rstrip("E")

    def _old(self) -> bool:
        """Whether the version is from before remote control was to be asked for."""
        return not self._c.version.since(None, (5, 6))

    def _play(self, _: str) -> str:
        return "Starting program" if self._c.resume_program() else "Failed to execute: play"

    def _stop(self, _: str) -> str:
        self._c.stop_program("dashboard stop")
        return "Stopped"

    def _pause(self, _: str) -> str:
        if not self._c.program.playing:
            return "Failed to execute: pause"
        self._c.pause_program("dashboard pause")
        return "Pausing program"

    def _program_state(self, _: str) -> str:
        return f"{self._c.program.state_name} {self._loaded}"

    def _polyscope(self, _: str) -> str:
        version = self._c.version
        series = "3" if version.cb3 else "5"
        return f"URSoftware {version} (series {series}, emulated)"

    def _power_on(self, _: str) -> str:
        if not self._c.safety.powerless:
            self._c.power.power_on(self._c.now_ns)
        return "Powering on"

    def _power_off(self, _: str) -> str:
        self._c.power_off()
        return "Powering off"

    def _brake_release(self, _: str) -> str:
        if not self._c.safety.powerless:
            self._c.power.release_brakes(self._c.now_ns)
        return "Brake releasing"

    def _unlock(self, _: str) -> str:
        c = self._c
        if not c.safety.has(SafetyMode.PROTECTIVE_STOP):
            return "Protective stop releasing"
        if c.safety.unlock(c.now_ns):
            c.events.add(c.now_ns, "unlocked")
            return "Protective stop releasing"
        return (
            "Cannot unlock protective stop until 5s after occurrence. "
            "Always inspect cause of protective stop before unlocking"
        )

    def _restart_safety(self, _: str) -> str:
        c = self._c
        gone = c.safety.has(SafetyMode.VIOLATION) or c.safety.has(SafetyMode.FAULT)
        c.safety.restart()
        if gone and c.power.mode != RobotMode.BOOTING:
            c.power.boot(c.now_ns, RobotMode.POWER_OFF)
        return "Restarting safety"

    def _load(self, name: str) -> str:
        if not name.endswith(".urp"):
            return f"File not found: {name}"
        self._c.stop_program("another program was loaded")
        self._loaded = name
        return f"Loading program: {name}"

    def _popup(self, text: str) -> str:
        self._c.note(f"popup: {text}")
        return "showing popup"

    def _add_to_log(self, text: str) -> str:
        self._c.note(text)
        return "Added log message"


def _begins(line: str, command: str) -> bool:
    return line == command or line.startswith(f"{command} ")


def _truth(value: object) -> str:
    return "true" if value else "false"
