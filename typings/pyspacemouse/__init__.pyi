from enum import Enum
from typing import Protocol

class AxisConvention(str, Enum):
    HID_Z_UP = "hid_z_up"

class AxisSpec:
    channel: int
    byte1: int
    byte2: int
    scale: int

class DeviceInfo:
    name: str
    vendor_id: int
    product_id: int
    axis_scale: float
    mappings: dict[str, AxisSpec]

class SpaceMouseState:
    t: float
    x: float
    y: float
    z: float
    roll: float
    pitch: float
    yaw: float
    buttons: list[int]

class _Handle(Protocol):
    release_number: int
    manufacturer_string: str | None
    product_string: str | None
    serial_number: str | None

    def open(self) -> None: ...
    def close(self) -> None: ...
    def read(self, size: int) -> bytearray: ...

class SpaceMouseDevice:
    def __init__(self, info: DeviceInfo, device: _Handle | None = ...) -> None: ...
    def open(self) -> None: ...
    def close(self) -> None: ...
    def read(self) -> SpaceMouseState: ...

def apply_axis_convention(base: DeviceInfo, convention: AxisConvention) -> DeviceInfo: ...
def get_device_specs() -> dict[str, DeviceInfo]: ...
