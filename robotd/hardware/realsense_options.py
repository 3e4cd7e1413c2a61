"""What a camera is locked to: exposure, gain and white balance, set one by one and read back.

The only file that knows what the library calls them, in which unit and in which order they take
effect (librealsense, `rs_option.h`; the colour sensor's exposure counts 0.1 ms, the stereo
module's, from which a D405 takes its colour, 0.001 ms: librealsense issues 8243, 12006, 6384).
"""

from dataclasses import dataclass
from typing import Final, Protocol

from robotd.core.config import CameraConfig
from robotd.core.errors import ConfigError

QUEUE_FRAMES: Final = 32
"""Frames that the library may keep for a driver that is held up."""

_READ_BACK_SHARE: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionRange:
    """What values an option takes, in the camera's own unit."""

    low: float
    high: float
    step: float


class SensorOptions(Protocol):
    """The options of one sensor by the library's names; raises DeviceError where it refuses."""

    @property
    def sensor(self) -> str:
        """The sensor's name, for example `RGB Camera`."""
        ...

    def supports(self, option: str) -> bool:
        """Whether the sensor has it and lets it be set."""
        ...

    def limits(self, option: str) -> OptionRange:
        """Return what it takes."""
        ...

    def get(self, option: str) -> float:
        """Read it."""
        ...

    def set(self, option: str, value: float) -> None:
        """Write it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """One option that must stay where it is.

    Attributes:
        option: The library's name.
        value: In the camera's own unit.
        key: Its name in the configuration; empty for what is always set.
        unit: What one of the camera's own units is in the configuration's.
        switch: The option that must be off for it.
    """

    option: str
    value: float
    key: str = ""
    unit: float = 1.0
    switch: str = ""


def locks_of(config: CameraConfig, sensor: str) -> tuple[Lock, ...]:
    """Return what the configuration locks on a sensor of that name, in the order of setting."""
    exposure_unit_s = 1e-6 if "stereo" in sensor.lower() else 1e-4
    found = [
        Lock(option="global_time_enabled", value=1.0),
        Lock(option="frames_queue_size", value=QUEUE_FRAMES),
        Lock(option="auto_exposure_priority", value=0.0),  # else it halves the rate in the dark
    ]
    if config.exposure_s is not None:
        value = round(config.exposure_s / exposure_unit_s)
        found.append(
            Lock(
                option="exposure",
                value=value,
                key="exposure_s",
                unit=exposure_unit_s,
                switch="enable_auto_exposure",
            )
        )
    if config.gain is not None:
        found.append(
            Lock(option="gain", value=config.gain, key="gain", switch="enable_auto_exposure")
        )
    if config.white_balance_k is not None:
        found.append(
            Lock(
                option="white_balance",
                value=config.white_balance_k,
                key="white_balance_k",
                switch="enable_auto_white_balance",
            )
        )
    return tuple(found)


def lock(camera: str, options: SensorOptions, locks: tuple[Lock, ...]) -> None:
    """Set all of them; those without a key only where the sensor has them.

    Args:
        camera: Its name, for messages.
        options: Of its colour sensor.
        locks: From `locks_of`.

    Raises:
        ConfigError: The sensor lacks an option that is configured, or it takes no such value.
        DeviceError: The camera refused.
    """
    for each in locks:
        if not options.supports(each.option):
            if each.key:
                raise ConfigError(
                    camera,
                    each.key,
                    got=f"{each.value * each.unit:g}",
                    expected="nothing",
                    hint=f"its {options.sensor} has no option {each.option}",
                )
            continue
        limits = options.limits(each.option)
        value = each.value if each.key else min(each.value, limits.high)
        if not limits.low <= value <= limits.high:
            raise ConfigError(
                camera,
                each.key,
                got=f"{value * each.unit:g}",
                expected=f"{limits.low * each.unit:g} to {limits.high * each.unit:g}",
                hint=f"that is what its {options.sensor} takes",
            )
        if each.switch and options.supports(each.switch):
            options.set(each.switch, 0.0)
        options.set(each.option, value)


def unlocked(options: SensorOptions, locks: tuple[Lock, ...]) -> tuple[str, ...]:
    """Return what reads back otherwise than it was set, a phrase each; cameras may round a step."""
    found: list[str] = []
    for each in locks:
        if not each.key:
            continue
        if each.switch and options.supports(each.switch) and options.get(each.switch) != 0.0:
            found.append(f"{each.switch} is on again")
        value, limits = options.get(each.option), options.limits(each.option)
        if abs(value - each.value) > max(limits.step, _READ_BACK_SHARE * each.value):
            found.append(f"{each.key} {each.value * each.unit:g} reads {value * each.unit:g}")
    return tuple(found)


def told(config: CameraConfig, options: SensorOptions, locks: tuple[Lock, ...]) -> str:
    """Return what the camera says that it is locked to, for the log."""
    words = [f"{each.key} {options.get(each.option) * each.unit:g}" for each in locks if each.key]
    automatic = [
        name
        for name, value in (
            ("exposure", config.exposure_s),
            ("white balance", config.white_balance_k),
        )
        if value is None
    ]
    words += [f"{name} automatic" for name in automatic]
    return ", ".join(words)
